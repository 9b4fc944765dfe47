/*
 * What `listen` takes, checked at once: one address a call, and what goes with it.
 */
import { isIPv4 } from 'node:net'
import { SIZES } from '../base/index.ts'
import type { CertificatePair, TlsOptions } from '../io/index.ts'
import { badOption, checkNames } from './options.ts'

/** Where and how a server listens: one of `port`, `path`, `fd` and `systemd`, and what goes with it. */
export interface ListenOptions {
  /** A TCP port from 0 to 65535; 0 takes a free one. */
  readonly port?: number
  /** With a port: an address or a name of this machine; all of its addresses without it. */
  readonly host?: string
  /** With a port: take no IPv4 where all addresses are listened at. */
  readonly ipv6Only?: boolean
  /** With a port: other processes may listen at it too, and the operating system deals connections out. */
  readonly reusePort?: boolean
  /** The path of a unix socket; with an `@` in front a name without a file, on Linux. */
  readonly path?: string
  /** With a path: the permission bits of its file, such as 0o660. */
  readonly mode?: number
  /** A listening socket that this process was started with. The server owns it from here on, and closes it. */
  readonly fd?: number
  /** The sockets that systemd passed: those with that FileDescriptorName, or `true` for all. */
  readonly systemd?: string | true
  /** How many completed connections may wait to be accepted, at a port or a path. */
  readonly backlog?: number
  /** Encrypts: HTTPS instead of HTTP. */
  readonly tls?: TlsOptions
}

const PLACES = ['port', 'path', 'fd', 'systemd'] as const
type Place = (typeof PLACES)[number]

/** What each of the others goes with. */
const GOES_WITH: Readonly<Record<Exclude<keyof ListenOptions, Place>, readonly Place[]>> = {
  host: ['port'],
  ipv6Only: ['port'],
  reusePort: ['port'],
  mode: ['path'],
  backlog: ['port', 'path'],
  tls: ['port', 'fd', 'systemd'],
}

const HIGHEST_MODE = 0o777
const VERSIONS: readonly unknown[] = ['TLSv1.2', 'TLSv1.3']
const PAIR: readonly (keyof CertificatePair)[] = ['cert', 'key', 'passphrase']
const TLS: readonly (keyof TlsOptions)[] = [
  ...PAIR,
  'sni',
  'minVersion',
  'requestClientCertificate',
  'rejectUnauthorized',
  'ca',
]
const HOST_NAME = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i

/**
 * What `listen()` without options does: PORT and HOST of the environment.
 *
 * @throws GyreError `GYRE_BAD_OPTION` where PORT is missing, or is no port
 */
export function optionsFromEnvironment(): ListenOptions {
  const { PORT: port, HOST: host } = process.env
  if (port === undefined || port === '')
    throw badOption(
      'listen() without options takes the port from the environment variable PORT, which is not set: set it, or write listen({ port: 8080 })',
    )
  if (!/^\d+$/.test(port) || Number(port) > SIZES.highestPort)
    throw badOption(
      `the environment variable PORT must be a whole number from 0 to ${SIZES.highestPort}, not '${port}'`,
    )
  return host === undefined || host === '' ? { port: Number(port) } : { port: Number(port), host }
}

/** @throws GyreError `GYRE_BAD_OPTION` */
export function checkListenOptions(options: ListenOptions): void {
  checkNames('listen()', options, [...PLACES, ...Object.keys(GOES_WITH)])
  const places = PLACES.filter((place) => options[place] !== undefined)
  const [place, other] = places
  if (place === undefined)
    throw badOption('listen() needs one of port, path, fd and systemd; listen() alone takes PORT from the environment')
  if (other !== undefined)
    throw badOption(`listen() takes one address a call, not ${places.join(' and ')}: call it once for each`)
  for (const [name, allowed] of Object.entries(GOES_WITH))
    if (options[name as keyof ListenOptions] !== undefined && !allowed.includes(place))
      throw badOption(`${name} goes with ${allowed.join(' or ')}, not with ${place}: leave it out`)
  checkPlace(options)
  const { host, ipv6Only, reusePort, mode, backlog, tls } = options
  for (const [name, value] of Object.entries({ ipv6Only, reusePort })) checkBoolean(name, value)
  if (host !== undefined && (typeof host !== 'string' || host === ''))
    throw badOption('host must be an address or a name; leave it out for all addresses')
  if (ipv6Only === true && host !== undefined && isIPv4(host))
    throw badOption(`ipv6Only and the IPv4 address ${host} contradict each other: leave one out`)
  if (mode !== undefined && !isWhole(mode, HIGHEST_MODE))
    throw badOption(`mode must be permission bits from 0 to 0o777, such as 0o660, not ${String(mode)}`)
  if (backlog !== undefined && !(Number.isInteger(backlog) && backlog > 0))
    throw badOption(`backlog must be a whole number above 0, not ${String(backlog)}`)
  if (tls !== undefined) checkTls(tls)
}

function checkPlace({ port, path, mode, fd, systemd }: ListenOptions): void {
  if (port !== undefined && !isWhole(port, SIZES.highestPort))
    throw badOption(`port must be a whole number from 0 to ${SIZES.highestPort}, not ${String(port)}`)
  if (path !== undefined) {
    if (typeof path !== 'string' || !/^[@\0]?[^\0]+$/.test(path))
      throw badOption('path must be the path of a unix socket, or @ and a name')
    if (/^[@\0]/.test(path)) {
      if (process.platform !== 'linux')
        throw badOption(`a socket without a file, as ${path.replace('\0', '@')}, can be had on Linux alone: use a path`)
      if (mode !== undefined) throw badOption('mode goes with a file, and a path with an @ in front makes none')
    }
  }
  if (fd !== undefined && !isWhole(fd, Infinity))
    throw badOption(`fd must be the number of a descriptor, not ${String(fd)}`)
  if (systemd !== undefined && systemd !== true && (typeof systemd !== 'string' || systemd === ''))
    throw badOption('systemd must be true, or a FileDescriptorName')
}

function checkTls(tls: TlsOptions): void {
  checkPair('tls', tls, TLS)
  const { sni = {}, minVersion, requestClientCertificate, rejectUnauthorized, ca } = tls
  const seen = new Set<string>()
  for (const [name, pair] of Object.entries(sni)) {
    if (!HOST_NAME.test(name)) throw badOption(`tls.sni: '${name}' is no host name; write a.example or *.example`)
    if (seen.has(name.toLowerCase())) throw badOption(`tls.sni has ${name} twice: names are compared without case`)
    seen.add(name.toLowerCase())
    checkPair(`tls.sni['${name}']`, pair, PAIR)
  }
  if (minVersion !== undefined && !VERSIONS.includes(minVersion))
    throw badOption(`tls.minVersion must be ${VERSIONS.join(' or ')}, not ${minVersion}`)
  for (const [name, value] of Object.entries({ requestClientCertificate, rejectUnauthorized }))
    checkBoolean(`tls.${name}`, value)
  if (ca !== undefined && typeof ca !== 'string') throw badOption('tls.ca must be the path of a PEM file, or PEM')
  if (requestClientCertificate !== true) {
    if (ca !== undefined || rejectUnauthorized !== undefined)
      throw badOption(
        'tls.ca and tls.rejectUnauthorized are about client certificates: set tls.requestClientCertificate too; intermediate certificates belong into tls.cert',
      )
  } else if (ca === undefined && rejectUnauthorized !== false)
    throw badOption(
      "tls.requestClientCertificate needs tls.ca, the certificate of whoever signs your clients' ones; any public authority would do without it",
    )
}

function checkPair(where: string, pair: CertificatePair, known: readonly string[]): void {
  if (typeof pair !== 'object' || (pair as unknown) === null)
    throw badOption(`${where} must be an object with cert and key`)
  checkNames(where, pair, known)
  for (const [name, value] of Object.entries({ cert: pair.cert, key: pair.key } as Record<string, unknown>))
    if (typeof value !== 'string' || value === '')
      throw badOption(`${where}.${name} must be the path of a PEM file, or PEM`)
  if (pair.passphrase !== undefined && typeof pair.passphrase !== 'string')
    throw badOption(`${where}.passphrase must be a string`)
}

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw badOption(`${name} must be true or false`)
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most
}
