/*
 * Where the time of a request went, as the client is told: https://www.w3.org/TR/server-timing/.
 */
import type { Meter } from '../kernel/index.ts'

/** The value of Server-Timing. @param times - all in milliseconds, `started` and `now` by the host's clock */
export function serverTiming(
  meter: Meter,
  { started, clientTime, now }: { started: number; clientTime: number; now: number },
): string {
  const parts = [
    ['loop', meter.loopTimeAt(now)],
    ['queued', meter.queuedTime],
    ['client', clientTime],
    ['total', now - started],
  ] as const
  return parts.map(([name, time]) => `${name};dur=${time.toFixed(2)}`).join(', ')
}
