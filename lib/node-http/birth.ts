/*
 * How requests and responses are born: with the prototype that they are going to have.
 *
 * Express gives each request and each response another prototype. To V8 such an object is like no other: what it
 * had learned of the class is lost, and all that touches the object afterwards is slow, Node's own code first of
 * all. So the prototype that the last one had at its end is what the next one begins with; changing it to what it is
 * already costs nothing. Only what inherits from the class's own counts, and only the same one many times in a row: a
 * prototype that is one request's own may hold what no other is to see.
 */

type Constructor<A extends unknown[], T extends object> = new (...given: A) => T

/** So many in a row must have ended with the same other prototype until the next ones begin with it. */
const ENOUGH = 8

export class Birth<A extends unknown[], T extends object> {
  private readonly Kind: Constructor<A, T>
  private readonly own: object
  private prototype: object
  private target: Constructor<A, T>
  /** The other prototype that the last one had, and how many in a row have had it. */
  private other: object
  private others = 0
  /** One as it is born: what it has of its own must not be caught by a prototype's setters. */
  private readonly sample: object
  /** One constructor for each prototype, so that V8 knows its objects again. */
  private readonly targets = new WeakMap<object, Constructor<A, T>>()

  constructor(Kind: Constructor<A, T>, sample: object) {
    this.Kind = Kind
    this.sample = sample
    this.own = this.prototype = this.other = Kind.prototype as object
    this.target = Kind
    this.targets.set(this.own, Kind)
  }

  make(...given: A): T {
    return new this.target(...given)
  }

  /** One has come to its end. */
  learn(grown: T): void {
    const prototype = Object.getPrototypeOf(grown) as object
    if (prototype === this.prototype) this.others = 0
    else if (prototype !== this.other) {
      this.other = prototype
      this.others = 1
    } else if (++this.others >= ENOUGH) this.follow(prototype)
  }

  private follow(prototype: object): void {
    this.others = 0
    const target = this.targets.get(prototype) ?? this.targetFor(prototype)
    if (target === null) return
    this.prototype = prototype
    this.target = target
  }

  private targetFor(prototype: object): Constructor<A, T> | null {
    const { Kind, own } = this
    // A class cannot be called on an object that another has made.
    const isClass = Function.prototype.toString.call(Kind).startsWith('class')
    if (isClass || !Object.prototype.isPrototypeOf.call(own, prototype)) return null
    // What the constructor sets would meet it, instead of standing before it as it does in Node.
    for (let at = prototype; at !== own; at = Object.getPrototypeOf(at) as object)
      if (Reflect.ownKeys(at).some((name) => Object.hasOwn(this.sample, name) && !isPlain(at, name))) return null
    const target = function Born(this: object, ...given: A): void {
      ;(Kind as unknown as { call(self: object, ...given: A): void }).call(this, ...given)
    }
    target.prototype = prototype
    // V8 makes room for as many properties as the constructors of this chain set: without it the object is moved ten
    // times before it is made, which takes longer than all the rest.
    Object.setPrototypeOf(target, Kind)
    const born = target as unknown as Constructor<A, T>
    this.targets.set(prototype, born)
    return born
  }
}

/** Whether assigning to what inherits it makes a property of its own. */
function isPlain(object: object, name: PropertyKey): boolean {
  return Object.getOwnPropertyDescriptor(object, name)?.writable === true
}
