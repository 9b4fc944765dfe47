/*
 * Certificates for tests, made by openssl when they are needed, so that none ever expires.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'

/** False where openssl is missing (package openssl): tests of TLS are skipped then. */
export const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write('TESTS OF TLS ARE SKIPPED: openssl is missing (package openssl)\n')
    return false
  }
})()

/** Paths of a certificate and its key. */
export interface Pair {
  cert: string
  key: string
}

let folder: string | undefined
let serial = 0

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}

/**
 * Makes a certificate and a key.
 *
 * @param name - whom it is for
 * @param issuer - who signs it; itself without one
 */
export function certificate(name: string, issuer?: Pair): Pair {
  folder ??= mkdtempSync('/tmp/gyre-tls-')
  const base = `${folder}/${++serial}`
  const pair = { cert: `${base}.pem`, key: `${base}.key` }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', pair.key]
  const signed = issuer === undefined ? [] : ['-CA', issuer.cert, '-CAkey', issuer.key]
  const names = `subjectAltName=DNS:${name}`
  openssl(
    'req',
    '-x509',
    ...curve,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-addext',
    names,
    ...signed,
    '-out',
    pair.cert,
  )
  return pair
}

/** Encrypts a key. @returns the path of the encrypted one */
export function encrypted(key: string, passphrase: string): string {
  openssl('ec', '-in', key, '-aes128', '-passout', `pass:${passphrase}`, '-out', `${key}.enc`)
  return `${key}.enc`
}

/** Puts one pair in the place of another. */
export function replace(old: Pair, by: Pair): void {
  for (const part of ['cert', 'key'] as const) writeFileSync(old[part], readFileSync(by[part]))
}

/** A client: its TLS socket once the handshake is done, and the plain one beneath, which can be reset. */
export async function dialTls(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ secure: TLSSocket; beneath: Socket }> {
  const beneath = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  beneath.on('error', () => undefined)
  const secure = connectTls({ socket: beneath, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...options })
  await new Promise<void>((resolve, reject) => {
    secure.once('secureConnect', resolve)
    secure.once('error', reject)
  })
  return { secure, beneath }
}
