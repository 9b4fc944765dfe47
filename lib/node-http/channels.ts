/*
 * Node's own diagnostics channels of its HTTP server: who listens there sees requests of Gyre's, too.
 */
import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'

/** A request has been made of its head. */
export const requestStart: Channel = channel('http.server.request.start')
/** A response is finished. */
export const responseFinish: Channel = channel('http.server.response.finish')
