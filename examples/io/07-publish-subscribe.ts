/*
 * Publish and subscribe: each subscriber has a queue of its own, which ends with its interest. A slow one
 * loses the oldest news instead of holding up the others.
 */
import { Queue, nursery, run, sleep } from 'gyre'
import type { Operation } from 'gyre'

class Topic<T> {
  private readonly queues = new Set<Queue<T>>()

  publish(news: T) {
    for (const queue of this.queues) {
      if (queue.tryPut(news)) continue
      queue.tryGet()
      queue.tryPut(news)
    }
  }

  *subscribe(room: number, work: (news: T) => Operation<unknown>) {
    const queue = new Queue<T>(room)
    this.queues.add(queue)
    try {
      for (;;) yield* work(yield* queue.get())
    } finally {
      this.queues.delete(queue)
    }
  }

  get subscribers() {
    return this.queues.size
  }
}

const weather = new Topic<number>()
const read: Record<string, number[]> = { quick: [], slow: [] }

await run(function* () {
  yield* nursery(function* (children) {
    for (const [name, pause] of [
      ['quick', 0],
      ['slow', 50],
    ] as const)
      // prettier-ignore
      children.spawn(weather.subscribe(2, (degrees) => (read[name]?.push(degrees), sleep(pause))))
    yield* sleep(5)
    for (let degrees = 1; degrees <= 9; degrees++) {
      weather.publish(degrees)
      yield* sleep(5)
    }
    yield* sleep(120)
    children.cancel('the station closes')
  })
  console.log(`quick: ${read['quick']?.join(' ')}`)
  console.log(`slow missed some, and has the newest: ${read['slow']?.at(-1) === 9 && read['slow'].length < 9}`)
  console.log(`subscribers left: ${weather.subscribers}`)
})
