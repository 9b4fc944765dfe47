/*
 * Operations that are made and never run, of the methods that are generators: `queue.put(item)` without its `yield*`. To
 * have them ask whether somebody inspects would cost something always; so they are replaced when somebody does for the
 * first time, by methods that ask.
 */
import { operationMade } from '../kernel/index.ts'

type Method = (this: unknown, ...given: unknown[]) => object

const isGeneratorFunction = (value: unknown): value is Method => value instanceof function* () {}.constructor

/** Has the operations of all methods of classes told to whoever inspects. @param rooms - what the doors of rooms export */
export function watchMethods(rooms: readonly object[]): void {
  for (const exported of rooms.flatMap((room) => Object.values(room) as unknown[])) {
    if (typeof exported !== 'function' || isGeneratorFunction(exported)) continue
    // Classes that others are made from may not be exported themselves.
    let prototype = exported.prototype as unknown
    for (; isObject(prototype); prototype = Object.getPrototypeOf(prototype) as unknown) watchMethodsOf(prototype)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function watchMethodsOf(prototype: Record<string, unknown>): void {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const method = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown
    if (isGeneratorFunction(method)) prototype[name] = watched(name, method)
  }
}

function watched(name: string, method: Method): Method {
  function call(this: unknown, ...given: unknown[]): object {
    const operation = method.apply(this, given)
    operationMade(operation, call)
    return operation
  }
  return Object.defineProperty(call, 'name', { value: name })
}
