/*
 * A chat: what one says, all others read. One task for each client; who does not read is left behind, and
 * holds nobody up. Try it with two terminals and `nc 127.0.0.1 PORT`.
 */
import { BufferedStream, Queue, each, nursery, run, serveTcp } from 'gyre'
import type { ByteStream } from 'gyre'

const mailboxes = new Map<string, Queue<string>>()

function tellOthers(sender: string, text: string) {
  // tryPut: a line is lost to those whose mailbox is full.
  for (const [name, mailbox] of mailboxes) if (name !== sender) mailbox.tryPut(`${text}\n`)
}

function* chat(client: ByteStream) {
  const stream = new BufferedStream(client)
  yield* stream.writeAll('your name? ')
  const name = yield* stream.readLine(100)
  if (name === null || name === '' || mailboxes.has(name)) return yield* stream.writeAll('not that one\n')
  const mailbox = new Queue<string>(100)
  mailboxes.set(name, mailbox)
  try {
    yield* nursery(function* (children) {
      children.spawn(each(mailbox, (text) => stream.writeAll(text)))
      tellOthers(name, `${name} has come`)
      yield* stream.writeAll(`hello ${name}\n`)
      for (let line = yield* stream.readLine(); line !== null; line = yield* stream.readLine())
        tellOthers(name, `${name}: ${line}`)
      children.cancel('the client has left')
    })
  } finally {
    mailboxes.delete(name)
    tellOthers(name, `${name} has left`)
  }
}

await run(function* () {
  const server = yield* serveTcp(chat, { host: '127.0.0.1', port: Number(process.env['PORT'] ?? 7000) })
  console.log(`chat at tcp://127.0.0.1:${server.address.port}`)
  yield* server.wait()
})
