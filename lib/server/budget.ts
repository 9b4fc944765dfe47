/*
 * The memory that answers to slow clients hold, counted over all connections of a server.
 *
 * A limit for each connection does not protect from many: a thousand clients that ask for ten
 * megabytes and read nothing hold ten gigabytes. So what waits is added up, and when it is too much the
 * connection that holds most, and has waited longest, is cut. Nothing is counted while clients keep up.
 */
import { GyreError } from '../base/index.ts'

/** An answer that waits for its client. */
export interface Waiting {
  /** Bytes that it holds. */
  readonly held: number
  /** How long its client has been waited for, in milliseconds. */
  readonly waited: number
  /** Ends the wait with an error. */
  shed(error: GyreError): void
}

export class OutputBudget {
  private readonly limit: number
  private readonly waiting = new Set<Waiting>()
  private total = 0

  /** @param limit - in bytes */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.total
  }

  /** An answer begins to wait. What it holds must not change until `leave`. */
  enter(one: Waiting): void {
    this.waiting.add(one)
    this.total += one.held
    // What was told to go leaves when its task runs next; it is not told twice.
    let excess = this.total - this.limit
    for (const victim of excess > 0 ? this.slowestFirst() : []) {
      victim.shed(new GyreError('GYRE_OUTPUT_SHED'))
      excess -= victim.held
      if (excess <= 0) break
    }
  }

  leave(one: Waiting): void {
    if (this.waiting.delete(one)) this.total -= one.held
  }

  private slowestFirst(): Waiting[] {
    const cost = ({ held, waited }: Waiting): number => held * (1 + waited)
    return [...this.waiting].sort((one, other) => cost(other) - cost(one))
  }
}
