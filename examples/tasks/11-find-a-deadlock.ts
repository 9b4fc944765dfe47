/*
 * Three philosophers, three forks, each takes the left one first: a deadlock, found and told by name. Who looks may
 * end it by a cancel; the others eat then.
 */
import { Lock, findDeadlock, formatDeadlock, holding, inspectTasks, joinAll, run, sleep, spawn } from 'gyre'

inspectTasks()

await run(function* () {
  const forks = [new Lock(), new Lock(), new Lock()]
  const tasks = ['Ada', 'Bob', 'Cyd'].map((name, seat) => {
    const [left, right] = [forks[seat], forks[(seat + 1) % forks.length]] as [Lock, Lock]
    return spawn(
      holding(left, function* () {
        yield* sleep(1)
        yield* holding(right, function* () {
          console.log(`${name} eats`)
        })
      }),
      { name },
    )
  })

  yield* sleep(20)
  const deadlock = findDeadlock()
  if (deadlock !== undefined) {
    process.stdout.write(formatDeadlock(deadlock))
    deadlock.cycle[0]?.task.cancel('somebody has to go')
  }
  yield* joinAll(tasks)
})

/* Prints:
 * tasks wait for each other:
 *   task Ada waits for a lock, which depends on task Bob
 *   task Bob waits for a lock, which depends on task Cyd
 *   task Cyd waits for a lock, which depends on task Ada
 * Cyd eats
 * Bob eats
 */
