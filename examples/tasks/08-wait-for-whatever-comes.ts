/*
 * One loop over several sources: a bell, a queue, a task. Waiting takes nothing out of the queue.
 */
import { Event, Queue, run, sleep, spawn, spawnLater, waitFor } from 'gyre'

await run(function* () {
  const bell = new Event()
  const mail = new Queue<string>()
  const cake = spawn(sleep(60), { name: 'cake' })
  spawnLater(20, function* () {
    yield* mail.put('a letter')
  })
  spawnLater(40, function* () {
    bell.set()
  })
  for (;;) {
    const [first] = yield* waitFor([mail, bell, cake], { count: 1 })
    if (first === mail) console.log(`mail: ${yield* mail.get()}`)
    else if (first === bell) {
      console.log('the bell rings')
      bell.clear()
    } else break
  }
  console.log('the cake is done')
})

/* Prints:
 * mail: a letter
 * the bell rings
 * the cake is done
 */
