/*
 * Bytes for a server to choke on, the same for the same seed: right messages, the vectors and the smuggling cases of
 * the kit, taken apart, spliced, repeated and bent; and plain noise.
 */
import { readdirSync } from 'node:fs'
import { smugglingCases } from '../../lib/testing/attacks/smuggling-cases.ts'
import { Random } from '../../lib/testing/random.ts'
import { readVectors } from './vectors.ts'

/** GYRE_FUZZ_SEED runs once more what has failed; GYRE_FUZZ_MINUTES is for `npm run fuzz`. */
const { GYRE_FUZZ_SEED, GYRE_FUZZ_MINUTES } = process.env

/** The seed of this run, printed by every test that uses it. */
export const seed = GYRE_FUZZ_SEED === undefined ? Date.now() % 1_000_000_000 : Number(GYRE_FUZZ_SEED)

/** How long one fuzz test may go on in milliseconds; 0 where it ends with its share of bytes. */
export const duration = GYRE_FUZZ_MINUTES === undefined ? 0 : Number(GYRE_FUZZ_MINUTES) * 60_000

/** The longest input: some are as long as a read, none so long that the mutants of it are all alike. */
const LONGEST = 70_000

const TOKENS = [
  'GET ',
  'POST ',
  'HEAD ',
  'CONNECT a:1',
  'OPTIONS * ',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ' HTTP/1.1\r\n',
  ' HTTP/1.0\r\n',
  '\r\n\r\n',
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\t',
  '\x7f',
  '\xff',
  ' ',
  ',',
  ':',
  ';a="b\\',
  '0\r\n\r\n',
  'ffffffff\r\n',
  '1fffffffffffff\r\n',
  '5\r\nhello\r\n',
  'Host: a\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 9007199254740993\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, upgrade\r\n',
  'Upgrade: echo\r\n',
  'Expect: 100-continue\r\n',
  'Content-Type: text/plain\r\n',
  '__proto__: x\r\n',
]

/** What a handler may be asked for; the fuzzed servers know what to do at each. */
export const PATHS = [
  '/',
  '/echo',
  '/ignore',
  '/sleep',
  '/stream',
  '/throw',
  '/late',
  '/upgrade',
  '/async',
  '/trailers',
]

export class Fuzzer {
  readonly random: Random
  private readonly corpus: string[]

  /** @param use - what for, so that one test does not have the bytes of another */
  constructor(use: string) {
    this.random = new Random(seed, use)
    const vectors = readdirSync(new URL('../vectors/http1/', import.meta.url)).flatMap(readVectors)
    const cases = smugglingCases('a', '/echo', new Random(seed, `${use} cases`))
    this.corpus = [...vectors.map(({ bytes }) => bytes.toString('latin1')), ...cases.map(({ bytes }) => bytes)]
  }

  /** @returns the next bytes of a client */
  next(): Buffer {
    const { random } = this
    const kind = random.below(10)
    let text = ''
    if (kind === 0) text = this.noise(1 + random.below(400))
    else if (kind < 5) for (let left = random.below(8); left >= 0; left--) text += this.message()
    else text = random.pick(this.corpus)
    if (kind !== 9) for (let left = random.below(6); left > 0; left--) text = this.mutate(text)
    return Buffer.from(text.slice(0, LONGEST), 'latin1')
  }

  /** @returns places to cut bytes at, in order; sometimes all of them, often none */
  cuts(size: number): number[] {
    const { random } = this
    const kind = random.below(8)
    if (kind === 0 && size < 2_000) return Array.from({ length: size }, (_, at) => at)
    if (kind < 3) return []
    const cuts = Array.from({ length: 1 + random.below(6) }, () => random.below(size + 1))
    return cuts.sort((one, other) => one - other)
  }

  /** A message that is right, as a rule. */
  private message(): string {
    const { random } = this
    const method = random.pick(['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS'])
    const lines = [`${method} ${random.pick(PATHS)} HTTP/1.${random.below(12) === 0 ? 0 : 1}`, 'Host: a']
    for (let left = random.below(4); left > 0; left--)
      lines.push(random.pick(['Accept: */*', 'Cookie: a=b', 'X: y', 'Referer: "\x9b"', 'Expect: 100-continue']))
    if (random.below(20) === 0) lines.push('Connection: upgrade', 'Upgrade: echo')
    else if (random.below(20) === 0) lines.push(`Connection: ${random.pick(['close', 'close\t', 'keep-alive'])}`)
    const body = this.noise(random.below(random.below(30) === 0 ? 60_000 : 60))
    const framing = random.below(3)
    if (framing === 0) return `${lines.join('\r\n')}\r\n\r\n`
    if (framing === 1) return `${[...lines, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`
    let chunks = ''
    for (let at = 0; at < body.length;) {
      const size = Math.min(body.length - at, 1 + random.below(random.pick([2, 20, 20_000])))
      chunks += `${size.toString(16)}${random.below(9) === 0 ? ';a=b' : ''}\r\n${body.slice(at, at + size)}\r\n`
      at += size
    }
    const trailers = random.below(5) === 0 ? 'X-Sum: 1\r\n' : ''
    return `${[...lines, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n${chunks}0\r\n${trailers}\r\n`
  }

  private noise(size: number): string {
    let text = ''
    for (let at = 0; at < size; at++) text += String.fromCharCode(this.random.below(256))
    return text
  }

  private mutate(text: string): string {
    const { random } = this
    const at = random.below(text.length + 1)
    const to = Math.min(text.length, at + 1 + random.below(random.pick([2, 40, 4_000])))
    switch (random.below(8)) {
      case 0:
        return text.slice(0, at) + this.noise(1) + text.slice(at + 1)
      case 1:
        return text.slice(0, at) + random.pick(TOKENS) + text.slice(at)
      case 2:
        return text.slice(0, at) + random.pick(TOKENS) + text.slice(to)
      case 3:
        return text.slice(0, at) + text.slice(to)
      case 4:
        return text.slice(0, to) + text.slice(at, to).repeat(random.pick([1, 1, 1, 2, 40])) + text.slice(to)
      case 5:
        return text.slice(0, at) + random.pick(this.corpus)
      case 6:
        return text.replace(random.pick(['\r\n', 'a', ': ', '1', 'Host', 'chunked']), random.pick(TOKENS))
      default: {
        const other = random.pick(this.corpus)
        return text.slice(0, at) + other.slice(random.below(other.length))
      }
    }
  }
}

/**
 * Runs until so many bytes were made, or until the time of a long run is over.
 *
 * @param share - bytes of a run in continuous integration
 * @param step - does one thing; @returns how many bytes it has made
 */
export async function fuzz(share: number, step: (round: number) => number | Promise<number>): Promise<void> {
  const until = performance.now() + duration
  let bytes = 0
  let round = 0
  for (; duration > 0 ? performance.now() < until : bytes < share; round++) {
    try {
      bytes += await step(round)
    } catch (error) {
      throw new Error(`round ${round} of seed ${seed}: run it again with GYRE_FUZZ_SEED=${seed}`, { cause: error })
    }
  }
  console.info(`fuzzed ${bytes} bytes in ${round} rounds, seed ${seed}`)
}
