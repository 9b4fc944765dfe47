/*
 * What the package gives to its users: every export of every entry point of package.json, with what its
 * docstring says, as the TypeScript checker sees it. Marked `@internal` is what one room needs of another
 * and users are not promised: it is no part of this.
 */
import { readFileSync } from 'node:fs'
import { basename, dirname, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A way into the package. */
export interface EntryPoint {
  /** As it is imported, such as `gyre/testing`. */
  readonly name: string
  /** The source of it. */
  readonly file: string
  /** What of it users import: a URL. */
  readonly built: string
}

/** Something that has a docstring, or should have one. */
export interface PublicItem {
  /** `Lock`, and for a member `Lock.acquire`. */
  readonly name: string
  /** File below the root, and line. */
  readonly place: string
  readonly kind: 'callable' | 'member' | 'other'
  /** The words of the docstring, without its tags. */
  readonly words: string
  readonly hasExample: boolean
}

/** The entry points that package.json names. */
export const ENTRY_POINTS: readonly EntryPoint[] = Object.entries(
  (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { exports: Record<string, { default?: string }> })
    .exports,
)
  .filter(([, target]) => target.default !== undefined)
  .map(([path, target]) => ({
    name: `gyre${path.slice(1)}`,
    file: root + (target.default as string).replace('./dist/', 'lib/').replace(/\.js$/, '.ts'),
    built: new URL(target.default as string, pathToFileURL(root)).href,
  }))

/** @returns a program of the library, and of other files that are held in memory, by their path */
export function programOf(extra: ReadonlyMap<string, string> = new Map()): ts.Program {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined }
  const config = ts.getParsedCommandLineOfConfigFile(`${root}test/tsconfig.json`, {}, host)
  if (config === undefined) throw new Error('test/tsconfig.json is not to be read')
  const options = { ...config.options, ...LENIENT }
  const disk = ts.createCompilerHost(options)
  const files: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => extra.has(path) || disk.fileExists(path),
    getSourceFile: (path, version, ...rest) => {
      const text = extra.get(path)
      return text === undefined ? disk.getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version)
    },
  }
  return ts.createProgram([...ENTRY_POINTS.map(({ file }) => file), ...extra.keys()], options, files)
}

/** An example need not use all that it declares, nor say what of its imports is a type. */
const LENIENT: ts.CompilerOptions = { noUnusedLocals: false, noUnusedParameters: false, verbatimModuleSyntax: false }

/** @returns the exports of an entry point by their names, aliases followed to where they are declared */
export function exportsOf(program: ts.Program, { file }: EntryPoint): Map<string, ts.Symbol> {
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const exporting = source && checker.getSymbolAtLocation(source)
  if (exporting === undefined) throw new Error(`${file} exports nothing`)
  const declared = (symbol: ts.Symbol): ts.Symbol =>
    (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
  return new Map(checker.getExportsOfModule(exporting).map((symbol) => [symbol.name, declared(symbol)]))
}

/** Names of ours that the platform has as well: outside of the room that has them, examples mean the platform's. */
const PLATFORM = ['Headers', 'Request', 'Response']

/**
 * Which entry point an example means by a name: that of its own room, or else any.
 *
 * @param path - the example's file, below lib
 * @param has - whether an entry point has the name
 * @returns undefined where it is none of ours
 */
export function entryFor(path: string, name: string, has: (entry: EntryPoint) => boolean): EntryPoint | undefined {
  const own = ENTRY_POINTS.find(({ file }) => path.startsWith(`${basename(dirname(file))}/`))
  if (own !== undefined && has(own)) return own
  return PLATFORM.includes(name) ? undefined : ENTRY_POINTS.find(has)
}

/** @returns all public items, each once */
export function publicItems(program: ts.Program): PublicItem[] {
  const checker = program.getTypeChecker()
  const symbols = new Set(ENTRY_POINTS.flatMap((entry) => [...exportsOf(program, entry).values()]))
  return [...symbols].flatMap((symbol) => {
    // What is handed on from Node is documented there.
    const isOurs = symbol.declarations?.[0]?.getSourceFile().fileName.startsWith(`${root}lib/`) === true
    if (!isOurs || isInternal(symbol)) return []
    const own = itemOf(checker, symbol, symbol.name, isCallable(checker, symbol) ? 'callable' : 'other')
    const members = membersOf(symbol).map((member) =>
      itemOf(checker, member, `${symbol.name}.${ts.symbolName(member)}`, 'member'),
    )
    return [own, ...members]
  })
}

function itemOf(checker: ts.TypeChecker, symbol: ts.Symbol, name: string, kind: PublicItem['kind']): PublicItem {
  const declaration = symbol.declarations?.[0]
  const source = declaration?.getSourceFile()
  const line = source === undefined ? 0 : source.getLineAndCharacterOfPosition(declaration?.getStart() ?? 0).line + 1
  const tags = symbol.getJsDocTags(checker)
  // A member may be told of by its tags alone: `@returns counts of what it holds`.
  const told = kind === 'member' ? tags.filter((tag) => ['returns', 'throws', 'param'].includes(tag.name)) : []
  const words = [
    ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    ...told.map((tag) => ts.displayPartsToString(tag.text)),
  ]
  return {
    name,
    place: `${relative(root, source?.fileName ?? '')}:${line}`,
    kind,
    words: words.join(' ').trim(),
    hasExample: tags.some((tag) => tag.name === 'example'),
  }
}

function isCallable(checker: ts.TypeChecker, symbol: ts.Symbol): boolean {
  if (symbol.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Class)) return true
  if (!(symbol.flags & ts.SymbolFlags.Variable)) return false
  return checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0
}

/** @returns what users may touch of a class, an interface or an object type: no symbols, which say what they do */
function membersOf(symbol: ts.Symbol): ts.Symbol[] {
  const alias = symbol.declarations?.find(ts.isTypeAliasDeclaration)?.type
  const literal = alias !== undefined && ts.isTypeLiteralNode(alias) ? alias.members : []
  const members = [
    ...(symbol.members?.values() ?? []),
    ...(symbol.flags & ts.SymbolFlags.Class ? (symbol.exports?.values() ?? []) : []),
    ...literal.map((member) => (member as unknown as { symbol: ts.Symbol }).symbol),
  ]
  return members.filter((member) => {
    const [declaration] = member.declarations ?? []
    if (declaration === undefined || ts.isTypeParameterDeclaration(declaration) || isInternal(member)) return false
    // What overrides says what the overridden says.
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Override
    if ((ts.getCombinedModifierFlags(declaration) & hidden) !== 0) return false
    if (ts.isConstructorDeclaration(declaration) && declaration.parameters.length > 0) return true
    if (member.name.startsWith('__') || member.name === 'prototype') return false
    const name = ts.getNameOfDeclaration(declaration)
    return name === undefined || !ts.isPrivateIdentifier(name)
  })
}

function isInternal(symbol: ts.Symbol): boolean {
  return symbol.getJsDocTags().some((tag) => tag.name === 'internal')
}
