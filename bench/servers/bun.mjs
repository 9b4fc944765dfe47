/*
 * Bun.serve; run by Bun.
 */
import { HELLO, PIECE, PIECES, TEXT, host, jsonPage, port } from './site.mjs'

Bun.serve({
  hostname: host,
  port,
  idleTimeout: 120,
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/') return new Response(HELLO, { headers: { 'Content-Type': TEXT } })
    // It closes the connection by itself, and does not say so by itself.
    if (pathname === '/last') return new Response(HELLO, { headers: { 'Content-Type': TEXT, Connection: 'close' } })
    if (pathname === '/json') return Response.json(jsonPage((name) => request.headers.get(name) ?? undefined))
    if (pathname === '/upload') return new Response(String((await request.arrayBuffer()).byteLength))
    let left = PIECES
    return new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(PIECE)
          if (--left === 0) controller.close()
        },
      }),
    )
  },
})
