/*
 * Room: io, floor 2.
 * For: bytes in and out, by two ways to the same contracts: `epoll` (our own readiness loop) and
 *   `node` (Node's sockets); the host that the kernel is a guest of; the kernel of this thread.
 * Never: knows HTTP.
 * Floor: 2. May import: base, kernel, sync.
 * Suite: test/contracts (a byte stream, a listener). Page: docs/design.md.
 */
export { systemdDescriptors } from './inherited.ts'
export type {
  Certificates,
  Endpoint,
  InheritedAddress,
  ListenAddress,
  Listener,
  TcpAddress,
  UnixAddress,
} from './listener.ts'
export { Readiness } from './readiness.ts'
export { resolveHost } from './resolve.ts'
export { homeKernel, openListener, run, spawn, spawnLater } from './runtime.ts'
export { chooseIo } from './select.ts'
export type { IoChoice, IoKind, IoWish } from './select.ts'
export { END, WOULD_WAIT, readSome, writeAll } from './stream.ts'
export type { ByteStream, HangUpWatcher } from './stream.ts'
export type { CertificatePair, TlsConnection, TlsOptions } from './tls.ts'
export { NodeHost } from './node/host.ts'
export { DuplexStream } from './node/stream.ts'
