/*
 * What TypeScript makes of the toolbox: `yield*` gives every combinator's result its type. Checked by
 * `npm run typecheck`; run here only so that the file is no dead code.
 */
import { expectTypeOf, test } from 'vitest'
import {
  AsyncResult,
  Channel,
  Event,
  Lock,
  Pool,
  PriorityQueue,
  Queue,
  TaskGroup,
  TaskLocal,
  abortable,
  all,
  asCompleted,
  each,
  every,
  hold,
  holding,
  joinAll,
  kill,
  killAll,
  linkValue,
  moveOnAfter,
  race,
  sleep,
  spawn,
  spawnLater,
  waitFor,
  withSignal,
  withTimeout,
} from 'gyre'
import type { Coroutine, Held, TaskEnding, PeriodicCallback, Scope, Source, Task } from 'gyre'

function* text(): Coroutine<string> {
  yield* sleep(1)
  return 'text'
}
function* number(): Coroutine<number> {
  yield* sleep(1)
  return 1
}

/** Never run: only its types are looked at. */
export function* typed(): Coroutine<void> {
  // all: tuples, records, functions, tasks, generator functions without annotations
  expectTypeOf(yield* all([text(), number])).toEqualTypeOf<[string, number]>()
  expectTypeOf(yield* all({ one: text, other: number() })).toEqualTypeOf<{ one: string; other: number }>()
  expectTypeOf(yield* all([spawn(text), () => number()])).toEqualTypeOf<[string, number]>()
  const bare = function* () {
    yield* sleep(1)
    return { bread: 1 }
  }
  expectTypeOf(yield* all([bare, bare()])).toExtend<[{ bread: number }, { bread: number }]>()
  expectTypeOf(yield* all([1, 2, 3].map(number))).toEqualTypeOf<number[]>()
  const [inner] = yield* all([all([text])])
  expectTypeOf(inner).toEqualTypeOf<[string]>()

  // race: the union; for a record, names go with their results
  expectTypeOf(yield* race([text(), number])).toEqualTypeOf<string | number>()
  const won = yield* race({ one: text, other: number() })
  if (won.name === 'one') expectTypeOf(won.value).toEqualTypeOf<string>()
  else expectTypeOf(won.value).toEqualTypeOf<number>()

  // limits
  expectTypeOf(yield* withTimeout(1, text)).toEqualTypeOf<string>()
  expectTypeOf(yield* moveOnAfter(1, text())).toEqualTypeOf<string | undefined>()
  expectTypeOf(yield* moveOnAfter(1, text, 0)).toEqualTypeOf<string | number>()
  expectTypeOf(
    yield* moveOnAfter(1, function* (scope) {
      expectTypeOf(scope).toEqualTypeOf<Scope>()
      return yield* number()
    }),
  ).toEqualTypeOf<number | undefined>()
  expectTypeOf(yield* withSignal(AbortSignal.abort(), text)).toEqualTypeOf<string>()
  expectTypeOf(
    yield* abortable(function* (signal) {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return yield* text()
    }),
  ).toEqualTypeOf<string>()

  // holding
  expectTypeOf(yield* holding(new Lock(), text)).toEqualTypeOf<string>()
  expectTypeOf(yield* hold(new Lock())).toEqualTypeOf<Held>()

  // queues
  const queue = new Queue<string>()
  expectTypeOf(yield* queue.get()).toEqualTypeOf<string>()
  expectTypeOf(queue.tryGet()).toEqualTypeOf<string | undefined>()
  expectTypeOf(yield* queue.next()).toEqualTypeOf<IteratorResult<string, undefined>>()
  expectTypeOf(queue.shutdown({ immediate: true })).toEqualTypeOf<string[]>()
  expectTypeOf(yield* new Channel<number>().receive()).toEqualTypeOf<number>()
  expectTypeOf(yield* new AsyncResult<number>().get()).toEqualTypeOf<number>()
  const ranked = new PriorityQueue<{ rank: number }>((one, other) => one.rank - other.rank)
  expectTypeOf(yield* ranked.get()).toEqualTypeOf<{ rank: number }>()
  yield* each(queue, function* (item) {
    expectTypeOf(item).toEqualTypeOf<string>()
  })
  yield* each(new Response('').body ?? new ReadableStream<Uint8Array>(), function* (chunk) {
    expectTypeOf(chunk).toExtend<Uint8Array>()
  })
  // @ts-expect-error -- a queue of texts takes no numbers
  queue.tryPut(1)

  // tasks
  expectTypeOf(yield* spawn(text)).toEqualTypeOf<string>()
  expectTypeOf(spawnLater(1, number)).toEqualTypeOf<Task<number>>()
  expectTypeOf(yield* kill(spawn(text))).toEqualTypeOf<TaskEnding<string>>()
  expectTypeOf(yield* killAll([spawn(text)])).toEqualTypeOf<TaskEnding<string>[]>()
  expectTypeOf(yield* joinAll([spawn(text)])).toEqualTypeOf<Task<string>[]>()
  expectTypeOf(yield* waitFor([new Event(), spawn(text)])).toEqualTypeOf<(Event | Task<string>)[]>()
  expectTypeOf(asCompleted([spawn(text)])).toExtend<Source<Task<string>>>()
  linkValue(spawn(text), (value) => expectTypeOf(value).toEqualTypeOf<string>())
  const pool = new Pool(2)
  expectTypeOf(yield* pool.spawn(text)).toEqualTypeOf<Task<string>>()
  expectTypeOf(pool.trySpawn(text)).toEqualTypeOf<Task<string> | undefined>()
  expectTypeOf(yield* pool.map([1, 2], text)).toEqualTypeOf<string[]>()
  expectTypeOf(pool.imap(['a'], (item) => holding(new Lock(), textOf(item)))).toEqualTypeOf<Source<string>>()
  expectTypeOf(new TaskGroup().spawn(number)).toEqualTypeOf<Task<number>>()
  expectTypeOf(every(1, text)).toEqualTypeOf<PeriodicCallback>()
  const local = new TaskLocal<string | null>(null)
  expectTypeOf(local.get()).toEqualTypeOf<string | null>()
  expectTypeOf(yield* local.run('a', number)).toEqualTypeOf<number>()
}

function* textOf(item: string): Coroutine<string> {
  yield* sleep(1)
  return item
}

test('types are checked by the compiler', () => {
  expectTypeOf(typed).returns.toEqualTypeOf<Coroutine<void>>()
})
