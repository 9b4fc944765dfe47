/*
 * The examples of examples/io, as programs: each does what its first lines say.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/serve.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const files = readdirSync(`${root}examples/io`).filter((file) => file.endsWith('.ts'))

function start(name: string) {
  const child = spawn(process.execPath, [`${root}.build/examples/io/${name}.js`], {
    env: { ...process.env, PORT: '0' },
  })
  const program = { child, output: '' }
  const take = (bytes: Buffer): string => (program.output += String(bytes))
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  return program
}

/** @returns the lines that the example printed; it must end by itself, and well */
async function linesOf(name: string): Promise<string[]> {
  const program = start(name)
  const late = setTimeout(() => program.child.kill('SIGKILL'), 25_000)
  const [code] = (await once(program.child, 'close')) as [number | null]
  clearTimeout(late)
  expect([code, code === 0 ? '' : program.output]).toEqual([0, ''])
  return program.output.trimEnd().split('\n')
}

describe('examples of io', () => {
  test('there are ten, short, and each opens with what it shows', () => {
    expect(files).toHaveLength(10)
    for (const file of files) {
      const text = readFileSync(`${root}examples/io/${file}`, 'utf8')
      expect([file, text.split('\n').length < 60]).toEqual([file, true])
      expect(text).toMatch(/^\/\*\n \* [A-Z]/)
    }
  })

  test('01-producer-consumer', async () => {
    const lines = await linesOf('01-producer-consumer')
    expect(lines.at(-1)).toBe('all done: 1 2 3 4 5 6 7 8 9')
    expect(new Set(lines.slice(0, -1).map((line) => line.split(' ')[0]))).toEqual(new Set(['ada', 'bob', 'cyd']))
  })

  test('02-chat-server', async () => {
    const program = start('02-chat-server')
    try {
      await eventually(() => program.output.includes('tcp://'), 'the URL')
      const port = Number(/:(\d+)\n/.exec(program.output)?.[1])
      const client = async (name: string) => {
        const socket = connect(port, '127.0.0.1')
        const one = { socket, text: '', says: (line: string) => socket.write(`${line}\n`) }
        socket.on('data', (bytes) => (one.text += String(bytes)))
        one.says(name)
        await eventually(() => one.text.includes('hello') || one.text.includes('not that'), `the welcome of ${name}`)
        return one
      }
      const [ada, bob] = [await client('ada'), await client('bob')]
      expect((await client('ada')).text).toBe('your name? not that one\n')
      ada.says('good morning')
      await eventually(() => bob.text.endsWith('ada: good morning\n'))
      bob.socket.destroy()
      await eventually(() => ada.text.endsWith('bob has left\n'))
      expect(ada.text).toBe('your name? hello ada\nbob has come\nbob has left\n')
      const again = await client('bob')
      again.socket.resetAndDestroy()
      await eventually(() => ada.text.endsWith('bob has come\nbob has left\n'))
      ada.socket.destroy()
      expect(program.output.split('\n')).toHaveLength(2)
    } finally {
      program.child.kill()
    }
  })

  test('03-crawler', async () => {
    const [line = ''] = await linesOf('03-crawler')
    const [, time] = /^25 pages, four at a time, in (\d+) ms$/.exec(line) ?? []
    // One after another they would take 500 ms, however quick the machine is.
    expect(Number(time)).toBeGreaterThan(100)
  })

  test('04-periodic', async () => {
    const rounds = [1, 2, 3, 4].flatMap((round) => [`round ${round} begins`, `round ${round} ends`])
    expect(await linesOf('04-periodic')).toEqual([...rounds, 'stopped'])
  })

  test.each([
    [
      '05-pool-map',
      ['in order: 1 4 9 16 25', '5 as they came, the first was the quickest of three', 'never more than 3 at a time'],
    ],
    [
      '06-timeouts',
      ['inner: GYRE_TIMEOUT', 'the outer work goes on', 'outer: GYRE_TIMEOUT', 'cleaned up', 'no answer'],
    ],
    [
      '07-publish-subscribe',
      ['quick: 1 2 3 4 5 6 7 8 9', 'slow missed some, and has the newest: true', 'subscribers left: 0'],
    ],
    [
      '08-throttled-client',
      ['bread? milk? tea? salt? rice? oil?', 'not faster than allowed: true, never more than three at once: true'],
    ],
    ['09-graceful-stop', ['SIGTERM: no new connections; 1 is open', 'tea is ready', 'stopped, and nothing was lost']],
    ['10-subprocess-pipe', ['1000 bread', '1000 milk', '1000 tea', 'codes: 0 0 0', 'not done within 50 ms']],
  ])('%s', async (name, promised) => {
    expect(await linesOf(name)).toEqual(promised)
  })
})
