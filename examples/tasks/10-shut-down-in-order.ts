/*
 * Ending in order: no new work, what is queued is done, what hangs is killed within its grace.
 */
import { Queue, TaskGroup, each, joinAll, kill, run, sleep } from 'gyre'

await run(function* () {
  const jobs = new Queue<number>()
  const group = new TaskGroup()
  const worker = group.spawn(
    each(jobs, function* (job) {
      yield* sleep(5)
      console.log(`job ${job}`)
    }),
  )
  const hanging = group.spawn(function* () {
    try {
      yield* sleep(3_600_000)
    } finally {
      console.log('the hanging one lets go')
    }
  })
  for (const job of [1, 2, 3]) jobs.tryPut(job)
  jobs.shutdown()
  yield* joinAll([worker])
  console.log(`hanging: ${(yield* kill(hanging, { grace: 1000 })).state}`)
})

/* Prints:
 * job 1
 * job 2
 * job 3
 * the hanging one lets go
 * hanging: cancelled
 */
