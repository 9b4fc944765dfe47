/*
 * What there is to say about an encrypted connection, and what a listener of such needs.
 */
import type { X509Certificate } from 'node:crypto'

/** An encrypted connection. */
export interface TlsConnection {
  /** Such as `TLSv1.3`. */
  readonly protocol: string
  /** The cipher's standard name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  /** The name that the client asked for (SNI, RFC 6066), in lower case; null where it named none. */
  readonly serverName: string | null
  /** The protocol agreed by ALPN (RFC 7301); null where the client offered none. */
  readonly alpn: string | null
  /** The client's certificate; null where none was asked for or sent. */
  readonly peerCertificate: X509Certificate | null
  /** Whether the client's certificate was checked against `ca` and found good. */
  readonly authorized: boolean
}

/** A certificate and its key. */
export interface CertificatePair {
  /** The certificate, and behind it those of the issuers between it and a root: the path of a PEM file, or PEM. */
  readonly cert: string
  /** Its private key: the path of a PEM file, or PEM. */
  readonly key: string
  /** What the key is encrypted with. */
  readonly passphrase?: string
}

/** How a listener encrypts. */
export interface TlsOptions extends CertificatePair {
  /** Certificates by the name that clients ask for: `a.example`, or `*.example` for each name one label longer. */
  readonly sni?: Readonly<Record<string, CertificatePair>>
  /** The lowest version that is spoken. TLSv1.2 by default. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Asks clients for a certificate. */
  readonly requestClientCertificate?: boolean
  /** Whether clients without a good certificate are turned away, where one is asked for. True by default. */
  readonly rejectUnauthorized?: boolean
  /** What client certificates are checked against: the path of a PEM file, or PEM. */
  readonly ca?: string
}
