/*
 * The named deviations: rows of the tables in docs/http1.md whose first cell is the name of a suite.
 */
import { readFileSync } from 'node:fs'

/** @returns reasons by the names of cases */
export function deviationsOf(suite: string): Map<string, string> {
  const text = readFileSync(new URL('../../docs/http1.md', import.meta.url), 'utf8')
  const rows = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, first, name, reason] = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
    if (first !== suite || name === undefined || reason === undefined || reason === '') continue
    if (rows.has(name)) throw new Error(`docs/http1.md names ${name} twice`)
    rows.set(name, reason)
  }
  return rows
}
