/*
 * Writes the rules into docs/wsgi.md, out of the comments of lib/wsgi/lint*.ts that begin with `//#`. With --print it
 * prints the page, for the test that compares.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const FILES = ['lint.ts', 'lint-environ.ts', 'lint-input.ts']
const PAGE = new URL('../docs/wsgi.md', import.meta.url)
const [BEGIN, END] = ['<!-- rules: made by .ci/make-wsgi-rules.mjs -->\n', '<!-- end of rules -->']

let rules = ''
for (const file of FILES) {
  const text = readFileSync(new URL(`../lib/wsgi/${file}`, import.meta.url), 'utf8')
  for (const [, line] of text.matchAll(/^ *\/\/# (.*)$/gm)) {
    rules += line.startsWith('## ') ? `\n#${line}\n\n` : `- ${line}\n`
  }
}
const page = readFileSync(PAGE, 'utf8')
const made = page.slice(0, page.indexOf(BEGIN) + BEGIN.length) + rules + '\n' + page.slice(page.indexOf(END))
if (process.argv.includes('--print')) process.stdout.write(made)
else writeFileSync(PAGE, made)
