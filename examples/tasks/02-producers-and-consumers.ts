/*
 * A bounded queue between producers and consumers: who is too quick waits. Tornado's best known example.
 */
import { Queue, TaskGroup, each, run, sleep } from 'gyre'

await run(function* () {
  const jobs = new Queue<string>(2)
  const workers = new TaskGroup({ name: 'worker' })
  for (let count = 0; count < 2; count++)
    workers.spawn(
      each(jobs, function* (job) {
        yield* sleep(10)
        console.log(`did ${job}`)
        jobs.taskDone()
      }),
    )
  for (const job of ['the dishes', 'the floor', 'the windows', 'the taxes']) yield* jobs.put(job)
  yield* jobs.join()
  console.log('all is done')
  jobs.shutdown()
  yield* workers.join()
})

/* Prints:
 * did the dishes
 * did the floor
 * did the windows
 * did the taxes
 * all is done
 */
