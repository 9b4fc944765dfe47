/*
 * An operation that nobody runs does nothing: `sleep(10)` as a statement only makes a generator. No stock
 * rule says so, because to them it is a call like any other. This one asks TypeScript for the type of
 * every expression whose value is dropped, and reports those that are iterables of our traps.
 *
 * A `Task` is left alone: it runs already.
 */
import { ESLintUtils } from '@typescript-eslint/utils'

const createRule = ESLintUtils.RuleCreator.withoutDocs

export default createRule({
  meta: {
    type: 'problem',
    hasSuggestions: true,
    schema: [],
    messages: {
      floating: 'This operation is never run, so it does nothing: write yield* before it, await it, or spawn it.',
      addYield: 'Run it here, with yield*.',
      addAwait: 'Run it here, with await.',
    },
  },
  defaultOptions: [],
  create(context) {
    const services = ESLintUtils.getParserServices(context)
    const checker = services.program.getTypeChecker()

    /** The expressions whose values an expression statement drops. */
    function* dropped(node) {
      switch (node.type) {
        case 'SequenceExpression':
          for (const part of node.expressions) yield* dropped(part)
          break
        case 'ConditionalExpression':
          yield* dropped(node.consequent)
          yield* dropped(node.alternate)
          break
        case 'LogicalExpression':
          yield* dropped(node.right)
          break
        case 'UnaryExpression':
          if (node.operator === 'void') yield* dropped(node.argument)
          break
        case 'ChainExpression':
          yield* dropped(node.expression)
          break
        case 'CallExpression':
        case 'NewExpression':
        case 'Identifier':
        case 'MemberExpression':
          yield node
          break
      }
    }

    const nameOf = (type) => type.aliasSymbol?.name ?? type.symbol?.name

    /** True for an iterable of traps that is not running yet. */
    function isOperation(type) {
      if (type.isUnion()) return type.types.some(isOperation)
      if (nameOf(type) === 'Task') return false
      const symbol = checker.getPropertiesOfType(type).find(({ escapedName }) => escapedName.startsWith('__@iterator'))
      if (symbol === undefined) return false
      const [signature] = checker.getTypeOfSymbol(symbol).getCallSignatures()
      if (signature === undefined) return false
      const [yielded] = checker.getTypeArguments(signature.getReturnType())
      return yielded !== undefined && nameOf(yielded) === 'Trap'
    }

    function enclosingFunction(node) {
      for (let at = node.parent; at; at = at.parent) if (/Function/.test(at.type)) return at
      return undefined
    }

    return {
      ExpressionStatement(statement) {
        for (const node of dropped(statement.expression)) {
          if (!isOperation(services.getTypeAtLocation(node))) continue
          const around = enclosingFunction(node)
          const insert = (text) => (fixer) => fixer.insertTextBefore(node, text)
          const suggest = []
          if (around?.generator) suggest.push({ messageId: 'addYield', fix: insert('yield* ') })
          else if (around?.async) suggest.push({ messageId: 'addAwait', fix: insert('await ') })
          context.report({ node, messageId: 'floating', suggest })
        }
      },
    }
  },
})
