/*
 * Certificates and keys: read, checked, and made into what OpenSSL uses; one by default, others by name.
 */
import { X509Certificate, constants } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions } from 'node:tls'
import { GyreError } from '../../base/index.ts'
import type { CertificatePair, TlsOptions } from '../tls.ts'

/** What stands at the start of everything in PEM (RFC 7468), and in no sensible path. */
const PEM = '-----BEGIN'

/** All certificates of a listener, as they were read at one time. */
export interface CertificateSet {
  /** Serves clients that ask for no name, or for one that is not known. */
  readonly fallback: SecureContextOptions
  /** By host name in lower case, wildcards with their `*.`. */
  readonly named: ReadonlyMap<string, SecureContext>
}

/**
 * Reads all certificates of a listener.
 *
 * @throws GyreError `GYRE_TLS_CERTIFICATE`, by a rejection
 */
export async function readCertificates(options: TlsOptions): Promise<CertificateSet> {
  const { sni = {}, minVersion = 'TLSv1.2', ca, requestClientCertificate = false } = options
  const common: SecureContextOptions = {
    minVersion,
    // Nobody needs it in HTTP, and it lets a client make us work (CVE-2011-1473).
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      // A resumed session keeps the verdict on its certificate, although that has expired since or its issuer was
      // dropped, and one without a certificate counts as good in OpenSSL (compare CVE-2025-23419): each is new.
      (requestClientCertificate ? constants.SSL_OP_NO_TICKET : 0),
    ...(ca !== undefined && { ca: checkedCa(await readPem('ca', ca), ca) }),
  }
  const fallback = { ...common, ...(await readPair('tls', options)) }
  contextOf('tls', options, fallback)
  const named = new Map<string, SecureContext>()
  for (const [name, pair] of Object.entries(sni)) {
    const where = `tls.sni['${name}']`
    named.set(name.toLowerCase(), contextOf(where, pair, { ...common, ...(await readPair(where, pair)) }))
  }
  return { fallback, named }
}

/**
 * Finds the certificate for a name. Names are compared without case (RFC 6066 section 3, CVE-2026-48928); a
 * wildcard stands for one label (RFC 9525 section 6.3).
 */
export function findCertificate(named: CertificateSet['named'], serverName: string): SecureContext | undefined {
  const name = serverName.toLowerCase()
  return named.get(name) ?? named.get(`*${name.slice(Math.max(0, name.indexOf('.')))}`)
}

async function readPair(where: string, { cert, key, passphrase }: CertificatePair): Promise<SecureContextOptions> {
  const pair = { cert: await readPem(`${where}.cert`, cert), key: await readPem(`${where}.key`, key) }
  return passphrase === undefined ? pair : { ...pair, passphrase }
}

/** @throws GyreError `GYRE_TLS_CERTIFICATE`, by a rejection */
export async function readPem(option: string, given: string): Promise<string> {
  if (given.includes(PEM)) return given
  let text
  try {
    text = await readFile(given, 'latin1')
  } catch (error) {
    throw wrong(`${option}: the file ${given} cannot be read (${codeOf(error)})`, error)
  }
  if (!text.includes(PEM))
    throw wrong(`${option}: the file ${given} holds no PEM, which begins with ${PEM}; convert it by openssl`)
  return text
}

function contextOf(where: string, { cert, key }: CertificatePair, options: SecureContextOptions): SecureContext {
  const certificate = `${where}.cert (${shown(cert)})`
  try {
    return createSecureContext(options)
  } catch (error) {
    switch (codeOf(error)) {
      case 'ERR_OSSL_X509_KEY_VALUES_MISMATCH':
      case 'ERR_OSSL_X509_KEY_TYPE_MISMATCH':
        throw wrong(`${certificate} was made for another key than ${where}.key (${shown(key)})`, error)
      case 'ERR_OSSL_BAD_DECRYPT':
      case 'ERR_OSSL_EVP_BAD_DECRYPT':
      case 'ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED':
      case 'ERR_MISSING_PASSPHRASE':
        throw wrong(`${where}.key (${shown(key)}) is encrypted: ${where}.passphrase is missing or wrong`, error)
      default:
        throw wrong(`${certificate} and ${where}.key (${shown(key)}) are of no use to OpenSSL: ${String(error)}`, error)
    }
  }
}

/** OpenSSL passes over a CA that it cannot read without a word, and then trusts nobody. */
function checkedCa(text: string, given: string): string {
  try {
    new X509Certificate(text)
    return text
  } catch (error) {
    throw wrong(`tls.ca (${shown(given)}) is no certificate: ${String(error)}`, error)
  }
}

/** A key that was given as PEM is shown in no message. */
function shown(given: string): string {
  return given.includes(PEM) ? 'given as PEM' : given
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function wrong(detail: string, cause?: unknown): GyreError {
  return new GyreError('GYRE_TLS_CERTIFICATE', detail, cause)
}
