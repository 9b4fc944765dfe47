/*
 * What the environment says that systemd passed.
 */
import { afterEach, expect, test } from 'vitest'
import { systemdDescriptors } from '../../lib/io/index.ts'

const NAMES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']
afterEach(() => {
  for (const name of NAMES) Reflect.deleteProperty(process.env, name)
})

function passed(count: string): readonly number[] {
  Object.assign(process.env, { LISTEN_PID: String(process.pid), LISTEN_FDS: count })
  return systemdDescriptors(true)
}

test.each(['1e9', '1e6', 'Infinity', '999999999999', '100000', '-1', '1.5', ' 1', 'abc', ''])(
  'a count that is none is refused, and nothing is made of it: %j',
  (count) => {
    expect(() => passed(count)).toThrow(
      expect.objectContaining({
        code: 'GYRE_NO_SOCKET',
        message: expect.stringContaining(`LISTEN_FDS is '${count}'`) as string,
      }),
    )
  },
)

test('descriptors count from 3 on', () => {
  expect(passed('2')).toEqual([3, 4])
  expect(() => passed('0')).toThrow('systemd passed 0 sockets')
})
