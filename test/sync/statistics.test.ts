/*
 * Whatever holds something says how much: every class of the package has `statistics()`, or a reason to have none.
 */
import { expect, test } from 'vitest'
import * as gyre from '../../lib/index.ts'
import { BufferedStream, currentTask, giveWay, nursery, sleep, waitSignal } from '../../lib/index.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import { resultOf } from '../support/mock-host.ts'

const WITHOUT: Record<string, readonly string[]> = {
  'they are no holders of anything, but what is held': [
    'Cancelled',
    'GyreError',
    'HttpError',
    'Held',
    'LayeredStream',
    'TaskLocal',
  ],
  'all that they are can be read from their fields': ['Meter', 'OpenFile', 'Process', 'Scope', 'Task'],
  'they are one request': ['Request', 'RequestFields', 'Response', 'ResponseFields'],
  'those who extend it have them': ['Source'],
}

test('every class of the package has statistics(), or a reason to have none', () => {
  const classes = Object.entries(gyre).filter(([name, value]) => typeof value === 'function' && /^[A-Z]/.test(name))
  expect(classes.length).toBeGreaterThan(30)
  const without = classes.filter(([, made]) => !('statistics' in (made as { prototype: object }).prototype))
  expect(without.map(([name]) => name).sort()).toEqual(Object.values(WITHOUT).flat().sort())
})

test('a nursery counts its children and their errors', () => {
  resultOf(function* () {
    const failing = nursery(function* (children) {
      children.spawn(sleep(1))
      children.spawn(function* () {
        yield* giveWay()
        throw new Error('no')
      })
      expect(children.statistics()).toEqual({ children: 2, errors: 0 })
      try {
        yield* sleep(5)
      } finally {
        expect(children.statistics()).toEqual({ children: 1, errors: 1 })
      }
    })
    const task = currentTask().kernel.spawn(failing)
    try {
      yield* task
    } catch (error) {
      expect((error as Error).message).toBe('no')
    }
    expect(task.state).toBe('failed')
  })
})

test('a buffered stream counts bytes, a source of signals what it has not given', () => {
  expect(new BufferedStream(memoryPair()[0]).statistics()).toEqual({ unread: 0, writing: 0 })
  expect(waitSignal('SIGUSR2').statistics()).toEqual({ listening: false, pending: 0 })
})
