/*
 * Computes for two seconds without a pause.
 */
const DURATION = 2_000

export default function app(_environ, startResponse) {
  for (const until = Date.now() + DURATION; Date.now() < until;) Math.sqrt(until)
  startResponse('200 OK', [['Content-Type', 'text/plain']])
  return [Buffer.from('computed\n')]
}
