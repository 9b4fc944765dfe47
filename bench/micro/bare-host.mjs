/*
 * A host that ticks while there is something to do; its clock jumps. So only the kernel is measured.
 */
export class BareHost {
  time = 1
  wanted = false
  wake = Infinity
  now() {
    return this.time
  }
  wallTime() {
    return 0
  }
  start(tick) {
    this.tick = tick
  }
  requestTick() {
    this.wanted = true
  }
  wakeAt(time) {
    this.wake = time
  }
  unobserved(error) {
    throw error
  }
  /** Runs what is ready, and what becomes ready by that. */
  run() {
    while (this.wanted) {
      this.wanted = false
      this.tick()
    }
  }
  /** Runs, and lets time pass, until nothing is left. */
  settle() {
    for (this.run(); this.wake !== Infinity; this.run()) {
      this.time = this.wake
      this.wake = Infinity
      this.tick()
    }
  }
}
