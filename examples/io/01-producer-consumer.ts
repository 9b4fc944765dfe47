/*
 * Producer and consumers: a queue with room for two, three workers, and a join that waits until every job is
 * done, not merely taken.
 */
import { Queue, each, nursery, run, sleep } from 'gyre'

const jobs = new Queue<number>(2)
const done: number[] = []

function* worker(name: string) {
  yield* each(jobs, function* (job) {
    yield* sleep(10 - job)
    done.push(job)
    console.log(`${name} did job ${job}`)
    jobs.taskDone()
  })
}

await run(() =>
  nursery(function* (children) {
    for (const name of ['ada', 'bob', 'cyd']) children.spawn(worker(name))
    for (let job = 1; job <= 9; job++) yield* jobs.put(job) // waits while the queue is full
    yield* jobs.join()
    jobs.shutdown() // ends the loops of the workers
    console.log(`all done: ${done.sort((one, other) => one - other).join(' ')}`)
  }),
)
