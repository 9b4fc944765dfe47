/*
 * For suites that run under `node --test`: one line of JSON for each test, named by its file and the names above it.
 */
import { relative } from 'node:path'

export default async function* report(source) {
  const names = new Map()
  for await (const { type, data } of source) {
    const path = names.get(data.file) ?? []
    names.set(data.file, path)
    if (type === 'test:start') {
      path.length = data.nesting
      path[data.nesting] = data.name
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue
    // The file itself is a test above all others; whatever ends in a suite of tests is told by its tests.
    const name = [...path.slice(0, data.nesting), data.name].join(' > ')
    const skipped = data.skip !== undefined || data.todo !== undefined
    const { error } = data.details
    const why = type === 'test:fail' ? String(error?.cause?.message ?? error?.message ?? error) : ''
    const kind = error?.failureType ?? ''
    const state = skipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed'
    const file = data.file === undefined ? '' : relative(process.cwd(), data.file)
    yield `${JSON.stringify({ file, name, state, why, kind, isSuite: data.details.type === 'suite', nesting: data.nesting })}\n`
  }
}
