/*
 * `node --import gyre/node-http/register app.js`: an unchanged program serves by Gyre. What it gets from node:http
 * under the names Server and createServer is ours from here on; its clients, agents and classes stay Node's.
 */
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import { Server, createServer } from './server.ts'

Object.assign(http, { Server, createServer })
syncBuiltinESMExports()
