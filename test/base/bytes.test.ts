import { expect, test } from 'vitest'
import { writeAscii, writeDigits } from '../../lib/base/index.ts'

const SIZES = [0, 1, 13, 31, 32, 33, 64, 1_000]

test.each(SIZES)('ASCII of %i characters is written as it is, and nothing beside it', (size) => {
  const bytes = Buffer.alloc(size + 8, 0xee)
  const text = Array.from({ length: size }, (_, index) => String.fromCharCode(index & 0x7f)).join('')
  expect(writeAscii(bytes, text, 3)).toBe(3 + size)
  expect(bytes.toString('latin1')).toBe(`îîî${text}îîîîî`)
})

test.each(SIZES.filter((size) => size > 0))('of %i characters one is not ASCII', (size) => {
  const bytes = Buffer.alloc(size * 3)
  for (const odd of ['\x80', 'é', '€', '\ud800']) {
    expect(writeAscii(bytes, odd + 'a'.repeat(size - 1), 0)).toBe(-1)
    expect(writeAscii(bytes, 'a'.repeat(size - 1) + odd, 0)).toBe(-1)
  }
})

test.each([0, 1, 9, 10, 11, 99, 100, 101, 8_192, 65_535, 1_000_000, 2 ** 31, 2 ** 53 - 1])('%d in digits', (number) => {
  const bytes = Buffer.alloc(24, '.')
  const end = writeDigits(bytes, number, 2)
  expect(bytes.toString('latin1', 0, end)).toBe(`..${number}`)
  expect(bytes.toString('latin1', end)).toMatch(/^\.*$/)
})
