/*
 * A page made of parts: each part may take so long, the page as a whole so long.
 */
import { all, moveOnAfter, run, sleep, withTimeout } from 'gyre'

function* part(name: string, time: number) {
  yield* sleep(time)
  return name
}

await run(function* () {
  const page = yield* withTimeout(
    2000,
    all({
      news: moveOnAfter(200, part('three news', 5), 'no news'),
      weather: moveOnAfter(30, part('sunshine', 1000), 'no weather'),
    }),
  )
  console.log(`${page.news}, ${page.weather}`)
})

/* Prints:
 * three news, no weather
 */
