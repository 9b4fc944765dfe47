/*
 * A value that belongs to a task and those that it spawns: who asked, without handing it through.
 */
import { TaskLocal, all, nursery, run, sleep } from 'gyre'

const user = new TaskLocal('nobody')

function* log(line: string) {
  yield* sleep(1)
  console.log(`[${user.get()}] ${line}`)
}

function* request(line: string) {
  yield* nursery(function* (children) {
    children.spawn(log(line))
  })
}

await run(function* () {
  yield* all([user.run('ada', request('reads')), user.run('bob', request('writes'))])
  yield* log('is here')
})

/* Prints:
 * [ada] reads
 * [bob] writes
 * [nobody] is here
 */
