/*
 * The file of a unix socket as a killed process leaves it.
 */
import { renameSync } from 'node:fs'
import { createServer } from 'node:net'

export async function leaveStale(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${path}.before`, resolve))
  // Node removes the name that it has bound, so the file is left under another.
  renameSync(`${path}.before`, path)
  await new Promise((resolve) => server.close(resolve))
}
