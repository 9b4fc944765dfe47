/*
 * W1 to W33, one test for each number and each way, over sockets: what `npm run conformance:wsgi` runs.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const rules = (await import(/* @vite-ignore */ new URL('./conformance/rules.mjs', import.meta.url).href)) as {
  RULES: Record<string, unknown>
  tryRule: (name: string, url: string) => Promise<string | undefined>
}

test('there is a rule for every number', () => {
  expect(Object.keys(rules.RULES)).toEqual(Array.from({ length: 33 }, (_none, at) => `W${at + 1}`))
})

describe.each(['inline', 'generator', 'threads', 'one-thread'])('%s', (way) => {
  let child: ChildProcess
  let url = ''
  const folder = mkdtempSync(join(tmpdir(), 'wsgi-conformance-'))

  beforeAll(async () => {
    child = spawn(process.execPath, [fileURLToPath(new URL('./conformance/serve.mjs', import.meta.url)), way], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, WSGI_CONFORMANCE_LOG: folder },
    })
    const port = await new Promise<string>((resolve, reject) => {
      child.stdout?.once('data', (data) => resolve(String(data).trim()))
      child.once('exit', (code) => reject(new Error(`the server has ended with ${code}`)))
    })
    url = `http://127.0.0.1:${port}/`
  })
  afterAll(() => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(Object.keys(rules.RULES))('%s', async (rule) => {
    expect(await rules.tryRule(rule, url)).toBeUndefined()
  })
})
