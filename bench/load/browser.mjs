/*
 * The header of a browser, as `browser.txt` has it.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const BROWSER_FILE = fileURLToPath(new URL('browser.txt', import.meta.url))

export const browserFields = () =>
  new Headers(
    readFileSync(BROWSER_FILE, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(/: (.*)/).slice(0, 2)),
  )
