/*
 * Connections to others: from a name or a path to a ByteStream.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { GyreError, SIZES } from '../base/index.ts'
import { currentTask, waitPromise } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { moveOnAfter } from '../sync/index.ts'
import { shownAddress } from './connect-error.ts'
import type { ConnectAddress } from './connect-error.ts'
import { connectDescriptor } from './epoll/connecting.ts'
import { firstConnected, interleave } from './happy-eyeballs.ts'
import type { HostAddress } from './happy-eyeballs.ts'
import { connectNode } from './node/connecting.ts'
import { whatNodeLacks } from './node/listener.ts'
import { pollerOf } from './runtime.ts'
import { chooseIo } from './select.ts'
import { startTls } from './start-tls.ts'
import type { TlsClientOptions } from './start-tls.ts'
import type { ByteStream } from './stream.ts'

/** Whom to connect to: a host, by its name or address, and a TCP port; or the path of a unix socket. */
export type ConnectTarget =
  | {
      /** An address, or a name, all of whose addresses are tried. */
      readonly host: string
      /** The TCP port. */
      readonly port: number
    }
  | {
      /** The path of a unix socket; on Linux also an `@` and a name, for one without a file. */
      readonly path: string
    }

/** What a connection may take besides. */
export interface ConnectOptions {
  /** How long it may take until the stream can be used, in milliseconds, with the name looked up and TLS begun. */
  readonly timeout?: number
  /** Encrypts: `true`, or more about it. The certificate must be for the host, unless another name is given. */
  readonly tls?: true | TlsClientOptions
}

/**
 * Makes a connection. A name with several addresses is tried by the rules of Happy Eyeballs (RFC 8305): by
 * turns of IPv6 and IPv4, 250 ms apart, and the first connection wins. A cancel leaves nothing open.
 *
 * @param target - a host and a port, or a path
 * @returns the stream; whoever has it closes it. Encrypted ones are Node's in both kinds of io
 * @throws GyreError `GYRE_CONNECT_REFUSED`, `GYRE_CONNECT_UNREACHABLE`, `GYRE_CONNECT_TIMEOUT`,
 *   `GYRE_NAME_UNKNOWN`, `GYRE_CONNECT_TLS`; `GYRE_BAD_OPTION` for a port out of range
 * @example
 * ```ts
 * const server = yield* serveTcp(function* (stream) { yield* copy(stream, stream) }, { port: 0, host: '127.0.0.1' })
 * const stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
 * yield* stream.writeAll('hello\n')
 * console.log(yield* stream.readLine()) // hello
 * stream.close()
 * yield* server.close()
 * ```
 */
export function* connect(target: ConnectTarget, options: ConnectOptions = {}): Coroutine<ByteStream> {
  const { timeout = Infinity } = options
  const stream =
    timeout === Infinity ? yield* begun(target, options) : yield* moveOnAfter(timeout, begun(target, options))
  if (stream !== undefined) return stream
  const place = 'path' in target ? target.path : `${target.host} port ${target.port}`
  throw new GyreError('GYRE_CONNECT_TIMEOUT', `no connection to ${place} was made within ${timeout} ms`)
}

function* begun(target: ConnectTarget, { tls }: ConnectOptions): Coroutine<ByteStream> {
  const stream = yield* plain(target, tls !== undefined)
  if (tls === undefined) return stream
  const named = tls === true ? {} : tls
  if (named.serverName !== undefined)
    return yield* startTls(stream, { client: { ...named, serverName: named.serverName } })
  if ('host' in target) return yield* startTls(stream, { client: { ...named, serverName: target.host } })
  stream.close()
  throw new GyreError('GYRE_BAD_OPTION', 'tls over a unix socket needs tls.serverName, the name in the certificate')
}

function* plain(target: ConnectTarget, forTls: boolean): Coroutine<ByteStream> {
  // OpenSSL is Node's, and wants its sockets.
  const kind = forTls ? 'node' : chooseIo().kind
  const attempt = (where: ConnectAddress): Coroutine<ByteStream> =>
    kind === 'node' ? connectNode(where) : connectDescriptor(pollerOf(currentTask().kernel), where)
  if ('path' in target) {
    const path = target.path.replace(/^@/, '\0')
    const lack = kind === 'node' ? whatNodeLacks({ path, backlog: 0 }) : null
    if (lack !== null)
      throw new GyreError('GYRE_IO_UNAVAILABLE', `${lack}: the epoll io is needed for ${shownAddress({ path })}`)
    return yield* attempt({ path })
  }
  const { host, port } = target
  if (!(Number.isInteger(port) && port > 0 && port <= SIZES.highestPort))
    throw new GyreError('GYRE_BAD_OPTION', `port must be a whole number from 1 to ${SIZES.highestPort}, not ${port}`)
  if (isIP(host) !== 0) return yield* attempt({ address: host, port })
  const addresses = interleave(yield* addressesOf(host))
  return yield* firstConnected(
    host,
    addresses,
    ({ address }) => attempt({ address, port }),
    (stream) => stream.reset(),
  )
}

function* addressesOf(host: string): Coroutine<HostAddress[]> {
  try {
    return yield* waitPromise(lookup(host, { all: true }))
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    const detail =
      'code' in error && error.code === 'EAI_AGAIN' ? 'no name server answers' : 'there is none of that name'
    throw new GyreError('GYRE_NAME_UNKNOWN', `the name ${host} has no address: ${detail}`, error)
  }
}
