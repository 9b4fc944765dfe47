/*
 * What a fetch-style application gets beside its request.
 */
import type { Endpoint } from '../../io/index.ts'
import type { Request } from '../../server/index.ts'

/**
 * What is known of a request beyond the Fetch standard.
 *
 * @example
 * ```ts
 * const app = fromFetch((request, context) => {
 *   context.waitUntil(Promise.resolve('written down'))
 *   return new Response(`${context.mountPath} ${new URL(request.url).pathname}`)
 * })
 * const answer = await inject(mount({ '/shop': app }), { path: '/shop/bread' })
 * console.log(answer.text()) // /shop /bread
 * ```
 */
export class FetchContext {
  /** The request as native handlers see it. Its body may be read once, here or there. */
  readonly request: Request
  /** The path that the application is mounted at; empty at the root. Its URLs do not have it. */
  readonly mountPath: string

  /** For `fromFetch` alone. @internal */
  constructor(request: Request) {
    this.request = request
    this.mountPath = request.mountPath
  }

  /** The client's end of the connection. */
  get remote(): Endpoint {
    return this.request.remote
  }

  /** Our end of the connection. */
  get local(): Endpoint {
    return this.request.local
  }

  /**
   * Work that goes on behind the answer; `server.close()` waits for it.
   *
   * @param work - a promise of its end; anything else has ended already
   * @see https://w3c.github.io/ServiceWorker/#extendableevent
   */
  waitUntil(work: unknown): void {
    this.request.afterwards(Promise.resolve(work))
  }

  /** For code that was written for Workers: nothing is configured from outside. */
  get props(): Record<string, unknown> {
    return {}
  }

  /** For code that was written for Workers: what fails is answered with 500 here, as it is without. */
  passThroughOnException(): void {
    // There is no origin behind us that the request could be passed on to.
  }
}
