/*
 * What turns exchanges into conversations: a handler, for the listeners of one server object of Node's.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, ServerOptions } from 'node:http'
import type { Limits } from '../base/index.ts'
import type { Companioned, Handler, Manners, Takeover } from '../server/index.ts'
import { Birth } from './birth.ts'
import type { Audience } from './messages.ts'
import type { Line } from './line.ts'
import { HIGH_WATER } from './socket.ts'
import { Talk } from './talk.ts'

/** What a server of Node's does with connections that are all its own. */
export interface Owner {
  /** True where each answer is to be the last of its connection. */
  readonly closing: boolean
  limits(table: Limits): Limits
  came(talk: Talk): void
  left(line: Line): void
}

/** As they are born. */
const REQUEST = new IncomingMessage(null as never)
const RESPONSE = new ServerResponse(REQUEST)

export class Dialect implements Audience, Manners {
  readonly server: Server
  readonly ownsConnections: boolean
  readonly requests: Audience['requests']
  readonly responses: Audience['responses']
  readonly responseOptions: object
  readonly highWaterMark: number
  private readonly owner: Owner | null

  /** @param owner - for a server whose connections are all its own; null on a mount */
  constructor(server: Server, options: ServerOptions, owner: Owner | null) {
    const { rejectNonStandardBodyWrites = false } = options
    this.server = server
    this.owner = owner
    this.ownsConnections = owner !== null
    this.requests = new Birth(options.IncomingMessage ?? IncomingMessage, REQUEST)
    this.responses = new Birth(options.ServerResponse ?? ServerResponse, RESPONSE)
    this.highWaterMark = options.highWaterMark ?? HIGH_WATER
    this.responseOptions = { highWaterMark: this.highWaterMark, rejectNonStandardBodyWrites }
  }

  /** Answers requests by the listeners of the server, on a mount. */
  readonly handler: Handler = (request, response) => this.converse(response.takeOver(), request.mountPath)

  answer(takeover: Takeover): ReturnType<Handler> {
    return this.converse(takeover, '')
  }

  private converse(takeover: Takeover, mountPath: string): ReturnType<Handler> {
    const { connection } = takeover
    const talk = connection.companion instanceof Talk ? connection.companion : this.join(connection)
    return talk.converse(this, takeover, mountPath)
  }

  get closing(): boolean {
    return this.owner?.closing === true
  }

  limits(table: Limits): Limits {
    return this.owner?.limits(table) ?? table
  }

  meet(connection: Companioned): Talk {
    const talk = new Talk(this, connection)
    // Said by the connection when it is made; here for the listeners, who may look.
    connection.companion = talk
    this.owner?.came(talk)
    return talk
  }

  left(line: Line): void {
    this.owner?.left(line)
  }

  private join(connection: Companioned): Talk {
    return (connection.companion = new Talk(this, connection))
  }
}
