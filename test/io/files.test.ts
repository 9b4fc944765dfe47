/*
 * Files as operations: what comes of them, and that a cancel leaves no descriptor.
 */
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openFile, readFile, run, writeFile } from '../../lib/io/index.ts'
import { waitOwned } from '../../lib/io/owned.ts'
import { withTimeout } from '../../lib/kernel/index.ts'
import { caughtBy } from '../support/caught.ts'
import { cancelEverywhere } from '../support/leaks.ts'
import { eventually } from '../support/serve.ts'

const folder = mkdtempSync('/tmp/gyre-')
const path = (name: string): string => `${folder}/${name}`

test('whole files, as text and as bytes', async () => {
  await run(function* () {
    yield* writeFile(path('a'), 'grüße')
    expect(yield* readFile(path('a'), 'utf8')).toBe('grüße')
    expect((yield* readFile(path('a'))).length).toBe(7)
    yield* writeFile(path('a'), Buffer.from('short'))
    expect(readFileSync(path('a'), 'utf8')).toBe('short')
    expect(yield* caughtBy(readFile(path('none')))).toMatchObject({ code: 'ENOENT' })
    expect(yield* caughtBy(writeFile(path('none/none'), ''))).toMatchObject({ code: 'ENOENT' })
  })
})

test('an open file: piece by piece, at positions, to the end', async () => {
  await run(function* () {
    const file = yield* openFile(path('b'), 'w+', 0o600)
    yield* file.write('bread and milk')
    yield* file.write(Buffer.from('B'), 0)
    yield* file.sync()
    expect((yield* file.read(5, 0))?.toString()).toBe('Bread')
    expect(yield* file.read(5, 100)).toBe(null)
    yield* file.close()
    expect(statSync(path('b')).mode & 0o777).toBe(0o600)
    const reader = yield* openFile(path('b'))
    const pieces = []
    for (let piece = yield* reader.read(6); piece !== null; piece = yield* reader.read(6)) pieces.push(String(piece))
    expect(pieces).toEqual(['Bread ', 'and mi', 'lk'])
    yield* reader.close()
    expect(yield* caughtBy(openFile(path('none')))).toMatchObject({ code: 'ENOENT' })
  })
})

test('a cancel at every point leaves no descriptor', async () => {
  writeFileSync(path('c'), 'x'.repeat(3_000_000))
  const counts = await cancelEverywhere(function* () {
    expect((yield* readFile(path('c'))).length).toBe(3_000_000)
    yield* writeFile(path('d'), 'y'.repeat(100_000))
    const file = yield* openFile(path('c'))
    try {
      while ((yield* file.read(500_000)) !== null);
    } finally {
      yield* file.close()
    }
    {
      using other = yield* openFile(path('c'))
      yield* other.read(1)
    }
  })
  expect(counts.cancelled).toBeGreaterThan(5)
  expect(counts.done).toBeGreaterThan(0)
})

test('what comes after its wait was cancelled is let go', async () => {
  let bring: (value: string) => void = () => undefined
  const released: string[] = []
  const promise = new Promise<string>((resolve) => (bring = resolve))
  await run(() =>
    caughtBy(
      withTimeout(
        5,
        waitOwned(promise, (value) => released.push(value)),
      ),
    ),
  )
  expect(released).toEqual([])
  bring('late')
  await eventually(() => released.length === 1)
  const kept = Promise.resolve('in time')
  expect(await run(() => waitOwned(kept, (value) => released.push(value)))).toBe('in time')
  expect(released).toEqual(['late'])
})
