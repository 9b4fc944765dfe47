/*
 * `wsgi.file_wrapper` of a file on disk, where its length is known and the connection can send files itself: the bytes
 * do not come into this process at all. Everything else is read and sent block by block.
 */
import type { Coroutine } from '../kernel/index.ts'
import type { Response } from '../server/index.ts'
import { DiskFile } from './disk-file.ts'
import { FileWrapper } from './file-wrapper.ts'
import type { Starter } from './start-response.ts'

/** @returns whether the whole answer was sent; what was not is still to be iterated */
export function* sendAsFile(result: unknown, starter: Starter, response: Response): Coroutine<boolean> {
  const file = result instanceof FileWrapper ? result.file : null
  if (!(file instanceof DiskFile) || starter.room === Infinity) return false
  const wanted = starter.room
  const sent = yield* file.sendTo(response, wanted)
  starter.count(sent)
  return sent === wanted
}
