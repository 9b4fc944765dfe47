/*
 * Figures of several rounds: medians with their spread, and ratios that are only told where they tell something.
 */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** @returns the median with the lowest and the highest value; undefined where there is none */
export function summary(values) {
  const known = values.filter((value) => Number.isFinite(value))
  if (known.length === 0) return undefined
  return { median: median(known), least: Math.min(...known), most: Math.max(...known) }
}

/**
 * The ratio of a figure of two measurements, round by round: what slows the machine for a while slows both.
 *
 * @param of - what was found in each round, with its `round`
 * @param against - the same of the other
 * @returns the summary of the ratios, and whether they may be told: not where they lie further apart than the ratio itself
 */
export function ratio(of, against, figure) {
  const others = new Map(against.map((run) => [run.round, run[figure]]))
  const found = summary(of.filter(({ round }) => others.has(round)).map((run) => run[figure] / others.get(run.round)))
  return found === undefined ? undefined : { ...found, isTold: found.most - found.least <= found.median }
}

/** Whether a bar is met; where the rounds do not agree, that is said. */
export function verdict({ median: value, least: lowest, most: highest, isTold = true }, { most, least }) {
  if (!isTold) return 'undecided: the spread is wider than the ratio'
  const meets = (number) => (most === undefined ? number >= least : number <= most)
  const told = meets(value) ? 'met' : 'not met'
  return meets(lowest) === meets(highest) ? told : `${told}, though not in every round`
}
