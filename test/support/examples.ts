/*
 * The examples of docstrings and of Markdown pages, as tests. Each `ts` block (in docstrings: after `@example`) is run
 * as it stands, with the names that it is given in scope, inside a task where it uses no `await`, as an async function
 * where it does. It may begin with imports from Node, and write `import.meta.url` as if it stood in test/docs/here.
 * A line `console.log(…) // text` promises to print that text; a comment line at the margin promises one more, unless
 * it is a sentence with a full stop. All that is printed must be promised, in that order.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { getBuiltinModule } from 'node:process'
import ts from 'typescript'

export interface Example {
  /** File and line, for the name of the test. */
  readonly name: string
  readonly code: string
  /** The lines that it promises to print. */
  readonly promised: readonly string[]
}

/** @returns the examples of all files below a folder */
export function examplesBelow(folder: string): Example[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .flatMap((path) => examplesOf(path, readFileSync(join(folder, path), 'utf8')))
}

/** @returns the examples of one file */
export function examplesOf(path: string, text: string): Example[] {
  const found: Example[] = []
  for (const match of text.matchAll(/@example\n[ ]*\* ```ts\n([^]*?)\* ```/g)) {
    const code = (match[1] as string)
      .split('\n')
      .map((line) => line.replace(/^ *\* ?/, ''))
      .join('\n')
    const line = text.slice(0, match.index).split('\n').length + 2
    found.push({ name: `${path}:${line}`, code, promised: promisedBy(code) })
  }
  return found
}

/** @returns the `ts` blocks of a Markdown page */
export function examplesOfPage(path: string, text: string): Example[] {
  return [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map((match) => {
    const code = match[1] as string
    const line = text.slice(0, match.index).split('\n').length + 1
    return { name: `${path}:${line}`, code, promised: promisedBy(code) }
  })
}

function promisedBy(code: string): string[] {
  const promised: string[] = []
  for (const line of code.split('\n')) {
    const text = /console\.log\(.*\/\/ (.*)$/.exec(line)?.[1] ?? /^\/\/ (.*[^.])$/.exec(line)?.[1]
    if (text !== undefined) promised.push(text)
  }
  return promised
}

/**
 * Runs an example.
 *
 * @param names - what is in scope
 * @returns the lines that it printed
 */
export async function runExample(example: Example, names: Readonly<Record<string, unknown>>): Promise<string[]> {
  const printed: string[] = []
  const print = (...values: unknown[]): void => void printed.push(...values.map(String).join(' ').split('\n'))
  const { code, imports } = cutImports(example.code)
  const placed = code.replaceAll('import.meta.url', JSON.stringify(HERE))
  const wrapped = usesAwait(placed)
    ? `return (async () => {\n${placed}\n})()`
    : `return run(function* () {\n${placed}\n})`
  const { outputText } = ts.transpileModule(wrapped, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.None, removeComments: true },
  })
  const scope = { ...names, ...Object.fromEntries(imports.flatMap(load)), console: { log: print } }
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- our own docs
  await new Function(...Object.keys(scope), outputText)(...Object.values(scope))
  return printed
}

const HERE = new URL('../docs/here/example.js', import.meta.url).href

/** What an example imports from Node. */
interface Import {
  readonly names: readonly string[]
  readonly module: string
}

function cutImports(code: string): { code: string; imports: Import[] } {
  const imports: Import[] = []
  const rest = code.replace(/^import \{ (.*?) \} from '(node:.*?)'\n/gm, (_line, names: string, module: string) => {
    imports.push({ names: names.split(', '), module })
    return ''
  })
  return { code: rest, imports }
}

function load({ names, module }: Import): [name: string, value: unknown][] {
  const exported = getBuiltinModule(module) as unknown as Record<string, unknown>
  return names.map((name) => [name, exported[name]])
}

/**
 * Makes a module of an example, for the type checker.
 *
 * @param sourceOf - from where a name is imported; undefined for names that are the example's own
 */
export function moduleOf(example: Example, sourceOf: (name: string) => string | undefined): string {
  const { code, imports } = cutImports(example.code)
  const own = imports.flatMap(({ names }) => names)
  const used = [...new Set(code.match(/\b[A-Za-z_]\w*/g))].filter((name) => !own.includes(name))
  const lines = [
    ...imports.map(({ names, module }) => `import { ${names.join(', ')} } from '${module}'`),
    ...used.flatMap((name) => {
      const source = sourceOf(name)
      return source === undefined ? [] : [`import { ${name} } from '${source}'`]
    }),
  ]
  const head = usesAwait(code) ? 'export async function example()' : 'export function* example()'
  return `${lines.join('\n')}\n${head} {\n${code}\n}\n`
}

/** True where the code awaits outside of every function. */
function usesAwait(code: string): boolean {
  const source = ts.createSourceFile('example.ts', `${code}\nexport {}`, ts.ScriptTarget.Latest)
  const visit = (node: ts.Node): boolean => {
    if (ts.isFunctionLike(node)) return false
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) return true
    return ts.forEachChild(node, (child) => visit(child) || undefined) ?? false
  }
  return visit(source)
}
