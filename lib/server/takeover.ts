/*
 * The seam for dialects whose own classes write the answer, head and framing included, and that keep something
 * over all requests of a connection: node:http's are of that kind. Such a dialect takes an answer over, sends its
 * bytes through the connection's outlet, and says how it ended. What an exchange does besides stays as it is:
 * limits, times, records, drain, cancel.
 */
import type { GyreError, Limits } from '../base/index.ts'
import type { ByteStream } from '../io/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import type { RequestHead } from '../protocol/index.ts'
import type { Handler } from './handler.ts'
import type { Refused } from './head-reader.ts'
import type { Incoming } from './incoming.ts'
import type { Outgoing } from './outgoing.ts'
import type { Outlet } from './outlet.ts'
import type { RequestOrigin } from './request.ts'

/** A connection, as a dialect sees it that keeps something beside it. */
export interface Companioned extends RequestOrigin {
  readonly kernel: Kernel
  readonly stream: ByteStream
  readonly outlet: Outlet
  /** True while it waits for a request, some of whose head may have come. */
  readonly idle: boolean
  /** True while some of a head has come. */
  readonly inHead: boolean
  /** True while nothing was answered on it. */
  readonly fresh: boolean
  /** What is wrong with what came behind the request that is running, where that is known already. */
  readonly refusedNext: GyreError | null
  /** Whether another request came together with the one that is running. */
  readonly hasAhead: boolean
  /** What the dialect keeps. */
  companion: Companion | null
  /** No further request is to be served. An idle connection waits a little for one that is on its way. */
  windDown(): void
}

/** What a dialect keeps beside a connection. */
export interface Companion {
  /** Whether it says itself what a connection is told that sends no request, or none in time. */
  readonly refuses: boolean
  /** Whether a client that has ended its side is answered all the same. */
  readonly allowsHalfOpen: boolean
  /** Says it. The connection ends afterwards. @param seen - what had come, as far as it is still known */
  refuse(error: GyreError, seen: Refused | null): Coroutine<void>
  /** Nothing more will be answered on the connection. May be told more than once. */
  ended(): void
}

/** How the house's manners are changed for a dialect that serves all connections of a server. */
export interface Manners {
  /** The limits; they may change while the server runs. */
  limits(table: Limits): Limits
  /** A connection has come. */
  meet(connection: Companioned): Companion
  /** Answers a request, instead of the server's handler. */
  answer(takeover: Takeover): ReturnType<Handler>
}

/** What a takeover needs of its exchange. */
export interface TakeoverPort {
  readonly connection: Companioned
  readonly head: RequestHead
  readonly incoming: Incoming | null
  readonly outgoing: Outgoing
  readonly scope: Scope | null
  leave(status: number): Buffer | null
}

/** An answer that a dialect writes itself. */
export class Takeover {
  /** True once the dialect has told the client what was wrong. */
  told = false
  /** True once a byte of the answer is on its way. */
  begun = false
  /** Whether the connection goes on. False until the answer is whole. */
  keep = false
  private readonly port: TakeoverPort

  constructor(port: TakeoverPort) {
    this.port = port
  }

  get connection(): Companioned {
    return this.port.connection
  }

  get head(): RequestHead {
    return this.port.head
  }

  /** The body; null where there is none. */
  get body(): Incoming | null {
    return this.port.incoming
  }

  /** What is spawned there ends with the request. */
  get scope(): Scope | null {
    return this.port.scope
  }

  /** Whether the answer may say that the connection goes on. */
  get mayGoOn(): boolean {
    return this.port.outgoing.mayGoOn()
  }

  /** The head of the answer is on its way. */
  begin(status: number): void {
    const { outgoing, incoming } = this.port
    this.begun = true
    outgoing.status = status
    outgoing.onHead?.()
    if (incoming !== null && incoming.awaited) incoming.refuseContinue()
  }

  /** The client was told what is wrong with its request, by an answer of the dialect's: no other is sent. */
  tell(status: number): void {
    this.told = this.begun = true
    this.port.outgoing.status = status
  }

  /**
   * The answer is out, whole.
   *
   * @param bytes - how many bytes of body it had
   * @param keep - whether the connection goes on
   */
  finish(bytes: number, keep: boolean): void {
    const { outgoing } = this.port
    outgoing.bodyBytes = bytes
    outgoing.finished = true
    this.keep = keep
  }

  /**
   * Leaves HTTP. The connection's stream is the dialect's until the handler returns.
   *
   * @param status - what the dialect is going to answer with
   * @returns what was read of the stream already
   */
  leave(status: number): Buffer | null {
    return this.port.leave(status)
  }
}
