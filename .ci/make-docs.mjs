/*
 * `npm run docs`: makes the site of the documentation, in .build/site or the folder that is named. Its pages are
 * those of docs/, the README in front, and the reference: every entry point of package.json, out of the docstrings.
 * What is not documented, and what cannot be linked, is an error.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, Comment, CommentTag, Converter, OptionDefaults, ReflectionKind } from 'typedoc'
import { ERRORS, LIMITS } from '../dist/index.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (path) => join(root, path)
const text = (words) => [{ kind: 'text', text: words }]

/** Name by source: `lib/wsgi/index.ts` is imported as `gyre/wsgi`. */
const entries = new Map(
  Object.entries(JSON.parse(readFileSync(at('package.json'), 'utf8')).exports)
    .filter(([, target]) => target.default !== undefined)
    .map(([path, target]) => [target.default.replace('./dist/', 'lib/').replace(/js$/, 'ts'), `gyre${path.slice(1)}`]),
)

/** What the entry point `gyre` is sorted by: the rooms that its exports come from. */
const CATEGORIES = {
  server: 'Serving',
  protocol: 'Serving',
  kernel: 'Tasks',
  sync: 'Tasks that work together',
  io: 'Streams, files, programs, threads',
  base: 'Errors and limits',
}

/** In the order in which a stranger reads them; others come behind. */
const READ_FIRST = [
  'tasks',
  'wsgi',
  'wsgi-three-ways',
  'testing',
  'listening',
  'operating',
  'closing',
  'security',
  'http1',
]
const rankOf = (page) => (READ_FIRST.includes(page) ? READ_FIRST.indexOf(page) : READ_FIRST.length)
const pages = readdirSync(at('docs'))
  .filter((file) => file.endsWith('.md'))
  .map((file) => file.replace(/\.md$/, ''))
  .sort((one, other) => rankOf(one) - rankOf(other) || one.localeCompare(other))

const app = await Application.bootstrap({
  name: 'Gyre',
  readme: at('README.md'),
  entryPoints: [...entries.keys()].map(at),
  projectDocuments: pages.map((page) => at(`docs/${page}.md`)),
  tsconfig: at('tsconfig.json'),
  basePath: root,
  out: process.argv[2] ?? at('.build/site'),
  categorizeByGroup: false,
  categoryOrder: [...new Set(Object.values(CATEGORIES))],
  kindSortOrder: ['Document', 'Module', 'Function', 'Class', 'Variable', 'Interface', 'TypeAlias'],
  navigation: { includeFolders: false },
  disableSources: true,
  // What is handed on from Node is documented there.
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  githubPages: false,
  hideGenerator: true,
  highlightLanguages: [...OptionDefaults.highlightLanguages, 'ini', 'mermaid', 'nginx', 'python'],
  // Types whose parts stand in the docs; what connections and dialects know of their server; classes of the platform.
  intentionallyNotExported: [
    ...['KINDS', 'Pair', 'Row', 'ServerConstructor', 'WSGI_LIMITS'],
    ...['Manners', 'ServerContext'],
    ...['NodeServer', 'Response'],
  ],
  treatValidationWarningsAsErrors: true,
  treatWarningsAsErrors: true,
  validation: { invalidLink: true, invalidPath: true, notDocumented: true, notExported: true },
})

const ABOUT_EXAMPLES = `Every example on these pages was run, and printed what it says. They leave imports out: \`inject\`, \`memoryPair\` and
their like come from \`gyre/testing\`, and \`expect\` from vitest. What begins with \`yield*\` stands in a task.`

/** The room card says what an entry point is for. */
function purposeOf(source) {
  const card = readFileSync(at(source), 'utf8')
    .split('*/')[0]
    .replace(/^\/\*|^ \* ?/gm, '')
  const [, words = card] = /For: ([^]*?)\n\w+:/.exec(card) ?? []
  return words.trim().split('\n\n')[0].replace(/\s+/g, ' ')
}

/** Every row of a table of ours says by itself what it means, and so do its cells. */
function describeTable(project, name, row, cell) {
  const [table] = project.getReflectionsByKind(ReflectionKind.Variable).filter((one) => one.name === name)
  for (const one of table?.type?.declaration?.children ?? []) {
    one.comment = new Comment(text(row(one.name)))
    for (const part of one.type?.declaration?.children ?? []) part.comment = new Comment(text(cell(part.name)))
  }
}

app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
    const source = [`${module.name}.ts`, `${module.name}/index.ts`].find((path) => entries.has(path))
    module.name = entries.get(source)
    module.comment = new Comment(text(`${purposeOf(source)}\n\n${ABOUT_EXAMPLES}`))
    if (module.name !== 'gyre') continue
    for (const item of module.children ?? []) {
      const room = /lib\/(\w+)\//.exec(project.getSymbolIdFromReflection(item)?.fileName ?? '')?.[1]
      item.comment ??= new Comment()
      item.comment.blockTags.push(new CommentTag('@category', text(CATEGORIES[room])))
    }
  }
  // The name of the project stands over its front page.
  const [opening] = project.readme ?? []
  if (opening !== undefined) opening.text = opening.text.replace(/^# .*\n/, '')
  for (const page of project.documents ?? []) page.name = page.name.replace('docs/', '')
  const column = (cell) => `The ${cell} of the row.`
  describeTable(project, 'ERRORS', (code) => ERRORS[code].text, column)
  const limit = (name) => `${LIMITS[name].value} ${LIMITS[name].unit}. ${LIMITS[name].why}`
  describeTable(project, 'LIMITS', limit, column)
  // Types that are made of the table: TypeScript keeps no comments in those.
  for (const one of project.getReflectionsByKind(ReflectionKind.Property))
    if (one.name in LIMITS && !one.hasComment()) one.comment = new Comment(text(limit(one.name)))
  const event = (words) => `The state of a task that ${words}.`
  describeTable(project, 'TASK_STATES', (state) => `Where a task that is ${state} can come to.`, event)
})

const project = await app.convert()
if (project === undefined) process.exit(1)
app.validate(project)
await app.generateOutputs(project)
process.exit(app.logger.hasErrors() || app.logger.hasWarnings() ? 1 : 0)
