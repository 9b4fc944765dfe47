/*
 * Room: io, floor 2.
 * For: bytes in and out, by two ways to the same contracts: `epoll` (our own readiness loop) and
 *   `node` (Node's sockets); the host that the kernel is a guest of; the kernel of this thread; connecting,
 *   serving, files, threads, processes and signals, as operations.
 * Never: knows HTTP.
 * Floor: 2. May import: base, kernel, sync.
 * Suite: test/contracts, test/io. Page: docs/design.md, docs/tasks.md.
 */
export { adoptListener } from './adopt.ts'
export { Backdoor, openBackdoor } from './backdoor.ts'
export { BufferedStream } from './buffered.ts'
export type { BufferedStreamStatistics } from './buffered.ts'
export { LayeredStream } from './layered.ts'
export { connect } from './connect.ts'
export type { ConnectOptions, ConnectTarget } from './connect.ts'
export { copy } from './copy.ts'
export { OpenFile, openFile, readFile, writeFile } from './files.ts'
export type { Endpoint } from './endpoint.ts'
export { describeTasks, dumpTasksOn, inspectTasks } from './inspect.ts'
export { systemdDescriptors } from './inherited.ts'
export type {
  Certificates,
  Doorkeeper,
  InheritedAddress,
  ListenAddress,
  Listener,
  Place,
  TcpAddress,
  UnixAddress,
} from './listener.ts'
export { Process, spawnProcess } from './process.ts'
export type { ProcessEnding, ProcessOptions, ProcessStream } from './process.ts'
export { Readiness } from './readiness.ts'
export { resolveHost } from './resolve.ts'
export { homeKernel, openListener, run, spawn, spawnLater } from './runtime.ts'
export { chooseIo } from './select.ts'
export type { IoChoice, IoKind, IoWish } from './select.ts'
export { StreamServer, serveTcp } from './serve-tcp.ts'
export type { ServeTcpOptions, StreamHandler, StreamServerCloseOptions, StreamServerStatistics } from './serve-tcp.ts'
export { SignalSource, waitSignal } from './signals.ts'
export type { SignalSourceStatistics } from './signals.ts'
export { startTls, takenFrom } from './start-tls.ts'
export type { StartTlsOptions, TlsClientOptions } from './start-tls.ts'
export { END, WOULD_WAIT, readSome, writeAll } from './stream.ts'
export type { ByteStream, HangUpWatcher, SendableFile } from './stream.ts'
export { ThreadPool, runInThread, sharedThreads } from './threads/pool.ts'
export type { ThreadModule, ThreadPoolStatistics } from './threads/pool.ts'
export type { CertificatePair, TlsConnection, TlsOptions } from './tls.ts'
export { onUnobserved } from './unobserved.ts'
export type { UnobservedFailure, UnobservedListener } from './unobserved.ts'
export { NodeHost } from './node/host.ts'
export { DuplexStream } from './node/stream.ts'
