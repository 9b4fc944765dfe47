/*
 * Writes what a run has found into docs/compatibility.md, between its two marks.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const BEGIN = '<!-- written by npm run outside:compat -- --page -->'
const END = '<!-- end -->'

/** Rows of suites that were not run stay as they are: so a page wants a run of all. */
export function writePage(path, rows, deviations) {
  const page = readFileSync(path, 'utf8')
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${path} lacks the marks ${BEGIN} and ${END}`)
  const text = [...tableOf(rows), '', ...reasonsOf(rows, deviations)].join('\n')
  writeFileSync(path, `${page.slice(0, from)}${BEGIN}\n\n${text}\n${page.slice(to)}`)
}

function tableOf(rows) {
  return [
    `Node ${process.version}, ${process.platform}.`,
    '',
    '| suite | tests | skipped by the suite | pass on node:http | pass on Gyre | fail on Gyre alone |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(({ title, tests, skipped, onNode, onGyre, failures }) => {
      const ours = failures.filter(({ isOnNode }) => !isOnNode).length
      return `| ${[title, tests, skipped, onNode, onGyre, ours].join(' | ')} |`
    }),
  ]
}

function reasonsOf(rows, deviations) {
  const titles = new Map(rows.map(({ name, title }) => [name, title]))
  return deviations.flatMap(({ why, tests }) => {
    const lists = Object.entries(tests).filter(([name, keys]) => titles.has(name) && keys.length > 0)
    if (lists.length === 0) return []
    return [
      `- ${why}`,
      ...lists.map(([name, keys]) => `  - ${titles.get(name)}: ${keys.map((key) => `\`${key}\``).join(', ')}`),
    ]
  })
}
