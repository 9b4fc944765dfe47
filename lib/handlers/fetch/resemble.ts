/*
 * How our light objects pass for those of the platform: `instanceof` holds, and what they do not do themselves is done by a real
 * one that is made when it is first needed.
 *
 * Node 20 and 22 keep what is inside of a Request under symbols, and `new Request(ours)`, `fetch(ours)` look there: the
 * symbols lead to the real one as well. From Node 24 on it is private and cannot be lent; `clone()` gives a real one.
 */

/** Something that a real object stands behind. */
interface Standing {
  readonly native: object
}

/** A class. */
interface Named<T> {
  readonly name: string
  readonly prototype: T
}

/**
 * @param light - a class whose instances have a `native`
 * @param real - the class that they are to pass for
 * @param sample - an instance of that
 */
export function resemble(light: Named<Standing>, real: Named<object>, sample: object): void {
  // Libraries look at `constructor.name`, too.
  Object.defineProperty(light, 'name', { value: real.name, configurable: true })
  for (const symbol of Object.getOwnPropertySymbols(sample)) {
    Object.defineProperty(light.prototype, symbol, {
      configurable: true,
      get(this: Standing): unknown {
        return Reflect.get(this.native, symbol)
      },
    })
  }
  const own = new Set<PropertyKey>(Reflect.ownKeys(light.prototype))
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(real.prototype)))
    if (!own.has(name) && name !== 'constructor')
      Object.defineProperty(light.prototype, name, passedOn(name, descriptor))
  Object.setPrototypeOf(light.prototype, real.prototype)
}

function passedOn(name: string, real: PropertyDescriptor): PropertyDescriptor {
  if (real.get !== undefined)
    return {
      configurable: true,
      enumerable: true,
      get(this: Standing): unknown {
        return Reflect.get(this.native, name)
      },
    }
  return {
    configurable: true,
    enumerable: true,
    writable: true,
    value(this: Standing, ...given: unknown[]): unknown {
      return Reflect.apply(real.value as () => unknown, this.native, given)
    },
  }
}
