/*
 * The law of the house as data, and the functions that hold code against it. Pure: text in, breaches out.
 */
import ts from 'typescript'

export interface SourceFile {
  /** Below lib, such as `kernel/task.ts`. */
  readonly path: string
  readonly text: string
}

/** Room by floor, and which rooms each may import. Index and entry are the roof: they may see everything. */
export const ROOMS: Readonly<Record<string, { floor: number; mayImport: readonly string[] }>> = {
  base: { floor: 0, mayImport: [] },
  kernel: { floor: 1, mayImport: ['base'] },
  protocol: { floor: 1, mayImport: ['base'] },
  sync: { floor: 2, mayImport: ['base', 'kernel'] },
  io: { floor: 2, mayImport: ['base', 'kernel', 'sync'] },
  server: { floor: 3, mayImport: ['base', 'kernel', 'protocol', 'sync', 'io'] },
  handlers: { floor: 4, mayImport: ['base', 'kernel', 'protocol', 'sync', 'io', 'server'] },
  'node-http': { floor: 4, mayImport: ['base', 'kernel', 'protocol', 'sync', 'io', 'server'] },
  wsgi: { floor: 4, mayImport: ['base', 'kernel', 'protocol', 'sync', 'io', 'server'] },
  gateways: { floor: 4, mayImport: ['base', 'kernel', 'protocol', 'sync', 'io', 'server'] },
  testing: { floor: 4, mayImport: ['base', 'kernel', 'protocol', 'sync', 'io', 'server'] },
}

const ROOF = ['index.ts', 'entry/']

/** Words that have a place, and are banned everywhere else. A place is a file, or a folder with its `/`. */
const WORDS: readonly { word: string; found: (node: ts.Node) => boolean; places: readonly string[] }[] = [
  {
    word: 'a bare yield',
    found: (node) => ts.isYieldExpression(node) && node.asteriskToken === undefined,
    // Request has an async iterator, fields and lines are iterated: those are no traps.
    places: ['kernel/traps.ts', 'server/request.ts', 'protocol/http1/fields.ts', 'wsgi/input.ts'],
  },
  { word: 'setTimeout', found: isCallOf('setTimeout'), places: ['io/node/host.ts'] },
  { word: 'setImmediate', found: isCallOf('setImmediate'), places: ['io/node/host.ts', 'testing/virtual-host.ts'] },
  { word: 'setInterval', found: isCallOf('setInterval'), places: [] },
  { word: 'Date.now', found: isMember('Date', 'now'), places: ['io/node/host.ts'] },
  { word: 'performance.now', found: isMember('performance', 'now'), places: ['io/node/host.ts'] },
  { word: 'new Date', found: isNew('Date'), places: ['protocol/http1/date.ts'] },
  {
    word: 'await',
    found: ts.isAwaitExpression,
    // `await using` and `for await` of the public classes are interfaces to promises.
    places: [
      'io/',
      'handlers/fetch/',
      'handlers/node.ts',
      'server/request.ts',
      'server/server.ts',
      'server/options.ts',
    ],
  },
  { word: 'new Promise', found: isNew('Promise'), places: ['io/', 'kernel/promises.ts', 'sync/async-iterator.ts'] },
  { word: 'console', found: isMember('console', undefined), places: ['cli/'] },
]

/** A number from here on is a size or a time, or ought to say what it is. */
const LARGE = 1000
/**
 * Where large numbers stand by right: the limits table, the constants of Linux, a prefix of a protocol, what
 * bad clients send.
 */
const NUMBERS = [
  'base/limits.ts',
  'io/epoll/syscalls.ts',
  'protocol/http1/date.ts',
  'server/log.ts',
  'server/options.ts',
  'server/outgoing.ts',
  'testing/sizes.ts',
]

const LONGEST_FILE = 420
const LONGEST_CARD = 15
const GENERATED = /\.asset\.ts$/

function isCallOf(name: string) {
  return (node: ts.Node) =>
    ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === name
}

function isMember(object: string, member: string | undefined) {
  return (node: ts.Node) =>
    ts.isPropertyAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === object &&
    (member === undefined || node.name.text === member)
}

function isNew(name: string) {
  return (node: ts.Node) =>
    ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === name
}

/** @returns every breach of the law, as a sentence */
export function breaches(files: readonly SourceFile[]): string[] {
  return files.flatMap(breachesOf)
}

function breachesOf({ path, text }: SourceFile): string[] {
  if (GENERATED.test(path)) return []
  const found: string[] = []
  const say = (what: string): void => {
    found.push(`${path}: ${what}`)
  }
  const lines = text.split('\n').length
  if (lines > LONGEST_FILE) say(`${lines} lines are more than ${LONGEST_FILE}: is there a second idea in it?`)
  if (!text.startsWith('/*')) say('a file opens with a comment that says its idea')
  const room = path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined
  if (room !== undefined && path === `${room}/index.ts`) checkCard(text, say)

  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const visit = (node: ts.Node): void => {
    const specifier = importedBy(node)
    if (specifier !== undefined) checkImport(path, room, specifier, say)
    for (const { word, found: matches, places } of WORDS)
      if (matches(node) && !places.some((place) => path === place || (place.endsWith('/') && path.startsWith(place))))
        say(`${word} has no place here`)
    if (ts.isNumericLiteral(node) && Number(node.text) >= LARGE && !isAllowedNumber(path))
      say(`the number ${node.getText()} belongs into base/limits.ts`)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isAllowedNumber(path: string): boolean {
  return NUMBERS.includes(path)
}

function importedBy(node: ts.Node): string | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined)
    return (node.moduleSpecifier as ts.StringLiteral).text
  if (ts.isCallExpression(node)) {
    const [argument] = node.arguments
    const isLoad =
      node.expression.kind === ts.SyntaxKind.ImportKeyword ||
      (ts.isCallExpression(node.expression) && node.expression.expression.getText() === 'createRequire')
    if (isLoad && argument !== undefined && ts.isStringLiteral(argument)) return argument.text
  }
  return undefined
}

function checkImport(path: string, room: string | undefined, specifier: string, say: (what: string) => void): void {
  if (specifier === 'koffi' && path !== 'io/epoll/syscalls.ts') return say('koffi is for io/epoll/syscalls.ts alone')
  if (!specifier.startsWith('.')) {
    if (specifier.startsWith('node:')) {
      if (room !== undefined && ['base', 'kernel', 'protocol', 'sync'].includes(room))
        say(`${specifier} has no place in ${room}`)
    } else if (specifier !== 'koffi') say(`${specifier} is no dependency of Gyre`)
    return
  }
  const target = resolve(path, specifier)
  const other = target.slice(0, target.indexOf('/'))
  if (other === 'testing' && room !== 'testing') return say('testing is imported by nothing in lib')
  if (ROOF.some((place) => path === place || path.startsWith(place))) return
  if (other === room) return
  if (room === undefined || ROOMS[room] === undefined) return say('a file of lib stands in a room of the plan')
  if (!ROOMS[room].mayImport.includes(other)) return say(`${room} may not import ${other || target}`)
  if (target !== `${other}/index.ts`) say(`${other} is entered by its door, not by ${target}`)
}

function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** A room's door opens with a card: what for, what never, its floor, its suite, its page. */
function checkCard(text: string, say: (what: string) => void): void {
  const card = text.slice(0, text.indexOf('*/'))
  if (card.split('\n').length > LONGEST_CARD) say(`a room card has at most ${LONGEST_CARD} lines`)
  for (const word of ['Room:', 'For:', 'Never:', 'Floor:', 'May import:', 'Suite:', 'Page:'])
    if (!card.includes(word)) say(`the room card lacks "${word}"`)
}
