/*
 * What 21-wsgi-threads serves: code that blocks, and may. Each thread loads this module once.
 */
import { DiskFile, mountApps } from 'gyre/wsgi'
import type { Environ, WsgiApp, WsgiResult } from 'gyre/wsgi'

const TEXT = [['Content-Type', 'text/plain; charset=utf-8']] as const

const primes: WsgiApp = (environ, startResponse) => {
  const most = Math.min(Number(environ.PATH_INFO.slice(1)) || 0, 50_000_000)
  const sieve = new Uint8Array(most + 1)
  let count = 0
  for (let number = 2; number <= most; number++) {
    if (sieve[number] === 1) continue
    count++
    for (let multiple = number * number; multiple <= most; multiple += number) sieve[multiple] = 1
  }
  startResponse('200 OK', TEXT)
  return [Buffer.from(`${count} primes up to ${most}\n`)]
}

const source: WsgiApp = (environ, startResponse) => {
  const file = DiskFile.open(new URL(import.meta.url))
  startResponse('200 OK', TEXT)
  return environ['wsgi.file_wrapper'](file)
}

export default mountApps<Environ, WsgiResult>({ '/primes': primes, '/source': source })
