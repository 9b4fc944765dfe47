import { expect, test } from 'vitest'
import { mount } from '../../lib/handlers/index.ts'
import type { Handler } from '../../lib/index.ts'
import { serve } from '../support/serve.ts'

const named =
  (name: string): Handler =>
  (request, response) => {
    response.text(`${name} ${request.mountPath}`)
  }

test('the longest prefix wins, on the borders of segments; nested mounts add up', async () => {
  const { exchange } = await serve(
    mount({ '/a': named('a'), '/a/b': named('ab'), '/n': mount({ '/m': named('m'), '/': named('n') }) }),
  )
  const ask = async (path: string) => {
    const [answer] = await exchange(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    return answer?.status === 200 ? answer.body : answer?.status
  }
  expect(await ask('/a')).toBe('a /a')
  expect(await ask('/a?/a/b')).toBe('a /a')
  expect(await ask('/a/bc')).toBe('a /a')
  expect(await ask('/a/b/c')).toBe('ab /a/b')
  expect(await ask('/n/m/x')).toBe('m /n/m')
  expect(await ask('/n')).toBe('n /n')
  expect(await ask('/ab')).toBe(404)
  expect(await ask('/A')).toBe(404)
  expect(await ask('/%61')).toBe(404)
})

test('a path of another form is refused when the mount is made', () => {
  for (const path of ['a', '/a/', '']) expect(() => mount({ [path]: named('x') })).toThrow('a mount path begins with /')
})
