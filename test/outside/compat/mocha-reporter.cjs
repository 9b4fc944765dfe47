/*
 * For suites that run under mocha, whatever its version: one line of JSON for each test.
 */
const { appendFileSync } = require('node:fs')
const { relative } = require('node:path')

module.exports = function (runner) {
  const tell = (state) => (test, error) => {
    const file = test.file === undefined ? '' : relative(process.cwd(), test.file)
    const result = { file, name: test.fullTitle(), state, why: error?.stack ?? '' }
    appendFileSync(process.env.GYRE_COMPAT_RESULTS, `${JSON.stringify(result)}\n`)
  }
  runner.on('pass', tell('passed'))
  runner.on('fail', tell('failed'))
  runner.on('pending', tell('skipped'))
}
