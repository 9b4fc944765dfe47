/*
 * Sites: where in the code something happened. A stack is caught when it happens, which is cheap, and written
 * when somebody asks, which is not.
 */

/** A stack that was caught. */
export interface Site {
  stack?: string
}

/** How many calls a stack may be deep: chains of `yield*` count twice, once for each `next`. */
const DEEPEST = 100

/** Where our own code lies, as it stands in stacks. */
const HOME = import.meta.url.replace(/^file:\/\//, '').replace(/kernel\/[^/]*$/, '')

/** Catches the stack of whoever called `maker`. */
export function siteBelow(maker: unknown): Site {
  const site: Site = {}
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = DEEPEST
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- what captureStackTrace takes
  Error.captureStackTrace(site, maker as Function)
  Error.stackTraceLimit = before
  return site
}

/**
 * @returns the calls of a stack, the innermost first, without those of the kernel below them and of the engine
 *   between them
 */
export function callsOf(site: Site | undefined): string[] {
  const calls: string[] = []
  for (const line of site?.stack?.split('\n') ?? []) {
    const call = /^\s+at (.*)$/.exec(line)?.[1]
    if (call === undefined || call.endsWith('(<anonymous>)')) continue
    if (/^(?:Kernel\.(?:step|stepThere)|throwInto) /.test(call)) break
    calls.push(call)
  }
  return calls
}

/** @returns the calls from the innermost on that is not of this library; none where each is */
export function usersCalls(calls: readonly string[]): readonly string[] {
  const first = calls.findIndex((call) => !call.includes(HOME))
  return first < 0 ? [] : calls.slice(first)
}

/** @returns calls as lines */
export function linesOf(calls: readonly string[], before: string): string {
  return calls.map((call) => `${before}${call}\n`).join('')
}
