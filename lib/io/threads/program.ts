/*
 * What a worker thread runs: it takes one piece of work after another, and answers each. Text, and not a
 * module, because a thread that is made of text needs no file beside this one, however a program is bundled.
 */

/** What a thread is asked. */
export type Request =
  | { readonly source: string; readonly given: readonly unknown[] }
  | { readonly module: string; readonly name: string; readonly given: readonly unknown[] }

/** What a thread answers. `kept` are the properties that the copy of an error loses. */
export type Answer =
  | { readonly result: unknown }
  | { readonly error: unknown; readonly kept: Readonly<Record<string, unknown>> }
  /** It could not be begun, or its outcome cannot be copied. */
  | { readonly misuse: 'GYRE_THREAD_WORK' | 'GYRE_THREAD_DATA'; readonly detail: string }

/** Runs as a CommonJS script and as a module alike, because the flags of the process decide which it is. */
export const PROGRAM = `
const { parentPort } = process.getBuiltinModule('node:worker_threads')

async function find({ source, module, name }) {
  if (source !== undefined) return (0, eval)('(' + source + ')')
  const exported = (await import(module))[name]
  if (typeof exported !== 'function') throw new TypeError(module + ' exports no function named ' + name)
  return exported
}

function keptOf(error) {
  const kept = {}
  if (!(error instanceof Error)) return kept
  for (const key of ['name', ...Object.keys(error)]) {
    try {
      kept[key] = structuredClone(error[key])
    } catch {
      kept[key] = String(error[key])
    }
  }
  return kept
}

async function answer(request) {
  let work
  try {
    work = await find(request)
  } catch (error) {
    return { misuse: 'GYRE_THREAD_WORK', detail: String(error) }
  }
  try {
    return { result: await work(...request.given) }
  } catch (error) {
    return { error, kept: keptOf(error) }
  }
}

parentPort.on('message', async (request) => {
  const outcome = await answer(request)
  try {
    parentPort.postMessage(outcome)
  } catch (error) {
    parentPort.postMessage({ misuse: 'GYRE_THREAD_DATA', detail: String(error) })
  }
})
`
