/*
 * The cases of h1spec against a running server of ours that sends back what it gets, on both kinds of io.
 *
 * Its own runner is a program for Deno; of it only the table of cases is read, and run as it would run it: what is
 * to be waited for is not answered for half a second, and everything else is answered with one of the expected
 * statuses.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createServer } from '../../lib/index.ts'
import { RawClient, answers } from '../support/client.ts'
import { deviationsOf } from './deviations.ts'

interface Case {
  request: string
  description: string
  expectedStatus: [low: number, high: number][]
  expectedTimeout?: boolean
  expectedBody?: string
}

const source = readFileSync(join(process.env['GYRE_OUTSIDE'] ?? '', 'http_test.ts'), 'utf8')
const table = /^const testCases: TestCase\[\] = (\[\n[^]*?\n\]);$/m.exec(source)?.[1] ?? '[]'
const cases = runInNewContext(table) as Case[]
const named = deviationsOf('h1spec')

const PATIENCE = 500

/** What came, once an answer is whole, or the server ended the connection, or patience did. */
async function answerTo(port: number, request: string): Promise<string> {
  const client = await RawClient.connect(port)
  const timer = setTimeout(() => {
    client.close()
  }, PATIENCE)
  const text = await client.send(request).until((received) => {
    const length = /\r\ncontent-length: (\d+)\r\n[^]*?\r\n\r\n([^]*)$/i.exec(received)
    return length !== null && (length[2] ?? '').length >= Number(length[1])
  })
  clearTimeout(timer)
  client.close()
  return text
}

describe.each(['epoll', 'node'] as const)('%s', (io) => {
  const server = createServer({ io, log: () => {} }, function* (request, response) {
    response.bytes(yield* request.bytes())
  })

  test('every case', { timeout: 60_000 }, async () => {
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
    const failed: string[] = []
    await Promise.all(
      cases.map(async ({ request, description, expectedStatus, expectedTimeout, expectedBody }) => {
        const text = await answerTo(port, request)
        const [first] = text === '' ? [] : answers(text)
        const status = first?.status ?? 0
        const isRight =
          expectedTimeout === true
            ? text === ''
            : expectedStatus.some(([low, high]) => status >= low && status <= high) &&
              (status !== 200 || expectedBody === undefined || first?.body === expectedBody)
        process.stdout.write(
          `${isRight ? 'right' : 'WRONG'}  ${io}  ${description}: ${text === '' ? 'waits' : status}\n`,
        )
        if (isRight === named.has(description)) failed.push(description)
      }),
    )
    await server.close()
    expect(failed).toEqual([])
  })
})

test('all cases are there, and every name in docs/http1.md is one of them', () => {
  expect(cases.length).toBe(33)
  const descriptions = cases.map(({ description }) => description)
  expect([...named.keys()].filter((name) => !descriptions.includes(name))).toEqual([])
})
