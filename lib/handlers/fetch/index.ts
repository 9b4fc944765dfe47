/*
 * The dialect of the Fetch standard: applications that are functions from Request to Response.
 */
export type { FetchContext } from './context.ts'
export { fromFetch } from './from-fetch.ts'
export type { FetchApp, FetchFunction } from './from-fetch.ts'
export { FetchResponse } from './response.ts'
export { toFetch } from './to-fetch.ts'
