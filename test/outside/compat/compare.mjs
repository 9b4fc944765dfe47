/*
 * Holds the results of a suite with our server against those with node:http's, and against the reasons that we have.
 */
import { keyOf } from './results.mjs'
import { SUITES } from './suites.mjs'

/**
 * @param name - of the suite
 * @param baseline - the run on node:http
 * @param run - the run with ours
 * @param deviations - rows of deviations.json: `why`, and `tests` by suite
 * @param files - where these alone were run, the others are not missed
 */
export function compare(name, baseline, run, deviations, files) {
  const reasons = new Map()
  for (const { why, tests } of deviations) {
    for (const key of tests[name] ?? []) {
      if (reasons.has(key)) throw new Error(`deviations.json names ${key} twice`)
      reasons.set(key, why)
    }
  }
  const before = new Map(baseline.results.map((result) => [keyOf(result), result]))
  const now = new Map(run.results.map((result) => [keyOf(result), result]))
  const failures = []
  for (const key of new Set([...before.keys(), ...now.keys()])) {
    const result = now.get(key) ?? { state: 'missing', why: 'was not run' }
    const was = before.get(key)?.state ?? 'missing'
    if (result.state === 'passed' || (result.state === 'skipped' && was === 'skipped')) continue
    // A test that node:http does not bring to its end either tells nothing about us.
    const isOnNode = before.has(key) && was !== 'passed'
    failures.push({ key, why: result.why, reason: reasons.get(key), isOnNode: isOnNode && !reasons.has(key) })
  }
  const failed = new Set(failures.map(({ key }) => key))
  const passed = ({ results }) => results.filter(({ state }) => state === 'passed').length
  return {
    name,
    title: SUITES[name].title,
    tests: baseline.results.length,
    skipped: baseline.results.filter(({ state }) => state === 'skipped').length,
    onNode: passed(baseline),
    onGyre: passed(run),
    listened: run.listened,
    swapped: run.swapped,
    failures,
    unnamed: failures.filter(({ reason, isOnNode }) => reason === undefined && !isOnNode),
    stale: files.length > 0 ? [] : [...reasons.keys()].filter((key) => !failed.has(key)),
  }
}
