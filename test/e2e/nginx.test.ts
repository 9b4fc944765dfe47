/*
 * Behind nginx on a unix socket, as docs/listening.md has it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createNetServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createServer } from '../../lib/index.ts'
import { eventually } from '../support/serve.ts'

const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path))
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** The block of the page, with the paths and the port of this test. */
function configuration(folder: string, port: number): string {
  const page = readFileSync(new URL('../../docs/listening.md', import.meta.url), 'utf8')
  const block = /```nginx\n([^]*?)```/.exec(page)?.[1] ?? ''
  expect(block).toContain('unix:/run/site/http.sock')
  const site = block.replace('/run/site', folder).replace('listen 80;', `listen 127.0.0.1:${port};`)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  return `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/errors;
    events {} http { access_log off; ${paths.join(' ')} ${site} }`
}

test.skipIf(nginx === undefined)(
  'requests and uploads through nginx, over connections that are kept (skipped where nginx, package nginx, is missing)',
  async () => {
    const folder = mkdtempSync('/tmp/gyre-nginx-')
    chmodSync(folder, 0o755)
    const server = createServer({ log: false }, function* (request, response) {
      response.text(`${request.headers.get('host') ?? ''} ${request.remote.family} ${(yield* request.bytes()).length}`)
    })
    closing.push(() => server.close())
    await server.listen({ path: `${folder}/http.sock`, mode: 0o666 })
    const probe = createNetServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => probe.once('listening', resolve))
    const { port } = probe.address() as { port: number }
    await new Promise((resolve) => probe.close(resolve))
    writeFileSync(`${folder}/conf`, configuration(folder, port))
    execFileSync(nginx as string, ['-t', '-q', '-p', folder, '-c', `${folder}/conf`])
    const child = spawn(nginx as string, ['-p', folder, '-c', `${folder}/conf`], { stdio: 'ignore' })
    closing.push(() => child.kill())
    await eventually(() => existsSync(`${folder}/pid`), 'the start of nginx')
    const url = `http://127.0.0.1:${port}/`
    for (let times = 0; times < 3; times++)
      expect(await (await fetch(url)).text()).toBe(`127.0.0.1:${port} unix 0`.replace(`:${port}`, ''))
    const sent = await fetch(url, { method: 'POST', body: 'x'.repeat(500_000) })
    expect(await sent.text()).toBe('127.0.0.1 unix 500000')
    expect(server.statistics()).toMatchObject({ accepted: 1, requests: 4 })
  },
)
