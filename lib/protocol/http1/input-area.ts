/*
 * The input area: where bytes of all connections of a thread are read to, and parsed.
 *
 * What is read too far may stay where it lies, held by whoever has read it, until somebody else asks for the area: then
 * it is moved out first. So a body that came with its head, or a head that came behind a body, is taken from the place
 * where the operating system has put it, and copied only where others come between.
 */

/** Somebody whose bytes lie in the input area. */
export interface AreaHolder {
  /** Copies them out: from here on they are written over. */
  moveOut(view: Buffer): void
}

/**
 * The place that is read to. There is one, `input`.
 *
 * @example
 * ```ts
 * const size = input.bytes.write('GET / HTTP/1.1\r\nHost: a\r\n\r\nrest', 'latin1')
 * parseHead(0, size, { headBytes: 1_000, targetBytes: 100, fieldCount: 10, fieldBytes: 500 })
 * let saved = ''
 * const from = headEnd()
 * input.hold({ moveOut: (view) => { saved = view.toString('latin1', from, size) } })
 * input.bytes.write('somebody else’s')
 * console.log(saved) // rest
 * ```
 */
export class InputArea {
  /** The bytes, for their holder alone: nobody is moved out. Made anew when the memory of the parser grows: do not keep it. */
  view: Buffer
  private holder: AreaHolder | null = null

  /** @param view - the bytes themselves */
  constructor(view: Buffer) {
    this.view = view
  }

  /** Where to read to. What lay there and is needed is moved out first. As `view`, not to be kept. */
  get bytes(): Buffer {
    const { holder, view } = this
    if (holder !== null) {
      this.holder = null
      holder.moveOut(view)
    }
    return view
  }

  /** Leaves bytes where they lie. To be called by who has read or parsed there, before anybody waits. */
  hold(holder: AreaHolder): void {
    this.holder = holder
  }

  /** They are not needed any more, or are used before anybody waits. */
  letGo(): void {
    this.holder = null
  }
}
