/*
 * What the linter holds us to: the strict rules of typescript-eslint, and one of our own.
 */
import tseslint from 'typescript-eslint'
import noFloatingOperation from './.ci/lint/no-floating-operation.js'

const gyre = { rules: { 'no-floating-operation': noFloatingOperation } }

export default tseslint.config(
  { ignores: ['dist', '.build', 'coverage', '**/*.asset.ts', 'lib/**/*.js'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.json', 'test/tsconfig.json', 'examples/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { gyre },
    rules: {
      'gyre/no-floating-operation': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A generator that returns at once is how an operation is written that need not wait.
      'require-yield': 'off',
      // An endless loop is how a server is written.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // Listening for events with an arrow that returns what its call returns is no confusion.
      '@typescript-eslint/no-confusing-void-expression': 'off',
    },
  },
  {
    files: ['examples/embedding/*.ts'],
    rules: {
      // Frameworks give listeners that return promises, and see to their errors themselves.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
)
