/*
 * Header fields that are about one connection and not about the message (RFC 9110 section 7.6.1, RFC 2616 section
 * 13.5.1, which PEP 3333 refers to).
 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
])

/**
 * Whether a header field is about the connection (RFC 9110 section 7.6.1). An application may not set it: the server
 * does (PEP 3333).
 *
 * @param name - in any case
 * @returns true for such a field
 * @example
 * ```ts
 * console.log(isHopByHop('Transfer-Encoding'), isHopByHop('ETag')) // true false
 * ```
 */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name.toLowerCase())
}
