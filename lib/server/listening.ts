/*
 * From options to open listeners, and what can be done with them: several where systemd passed several sockets under one name.
 */
import { SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { openListener, resolveHost, systemdDescriptors } from '../io/index.ts'
import type { Endpoint, IoKind, ListenAddress, Listener } from '../io/index.ts'
import { waitPromise } from '../kernel/index.ts'
import type { Coroutine, Kernel } from '../kernel/index.ts'
import type { ListenOptions } from './listen-options.ts'

/** Where a server can be reached. */
export interface ServerAddress extends Endpoint {
  /** Such as `http://127.0.0.1:8080/`, or with `https:`; for a unix socket `unix:` and its path. */
  readonly url: string
}

/** @returns where a listener can be reached */
export function addressOf({ endpoint, certificates }: Listener): ServerAddress {
  const { address, port, family } = endpoint
  if (family === 'unix') return { ...endpoint, url: `unix:${address}` }
  // All addresses: one of them that a browser on this machine can open.
  const host = address === '::' || address === '0.0.0.0' ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  return { ...endpoint, url: `${certificates === null ? 'http' : 'https'}://${host}:${port}/` }
}

/** Has all listeners read their certificates again; all of them are changed, or none. */
export function* reloadCertificates(listeners: Iterable<Listener>): Coroutine<void> {
  const changes: (() => void)[] = []
  for (const { certificates } of [...listeners])
    if (certificates !== null) changes.push(yield* waitPromise(certificates.read()))
  for (const change of changes) change()
}

/**
 * Opens all listeners that the options ask for, or none.
 *
 * @throws GyreError `GYRE_ADDRESS_IN_USE` and the others that `openListener` throws
 */
export function* openListeners(
  kind: IoKind,
  kernel: Kernel,
  options: ListenOptions,
  limits: Limits,
): Coroutine<Listener[]> {
  const { tls } = options
  const wish = tls === undefined ? null : { options: tls, handshakeTime: limits.handshakeTime }
  const opened: Listener[] = []
  try {
    for (const where of yield* addressesOf(options))
      opened.push(yield* waitPromise(openListener(kind, kernel, where, wish)))
    return opened
  } catch (error) {
    for (const listener of opened) listener.close()
    throw error
  }
}

function* addressesOf(options: ListenOptions): Coroutine<readonly ListenAddress[]> {
  const { port = 0, host, ipv6Only = false, reusePort = false, path, mode, fd, systemd } = options
  const { backlog = SIZES.backlog } = options
  if (systemd !== undefined) return systemdDescriptors(systemd).map((descriptor) => ({ descriptor, backlog }))
  if (fd !== undefined) return [{ descriptor: fd, backlog }]
  if (path !== undefined) {
    const name = path.replace(/^@/, '\0')
    return [mode === undefined ? { path: name, backlog } : { path: name, mode, backlog }]
  }
  // All addresses are IPv6 and IPv4 alike, unless IPv6 alone is asked for by name.
  const all = ipv6Only ? '::' : null
  const address = host === undefined ? all : yield* waitPromise(resolveHost(host, ipv6Only))
  return [{ address, port, ipv6Only, reusePort, backlog }]
}
