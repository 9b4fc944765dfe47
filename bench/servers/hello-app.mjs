/*
 * The application that all ways serve.
 */
const body = Buffer.from('Hello, World!')

export default function app(_environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  return [body]
}
