/*
 * WebAssembly, as far as it is used here. Node has it, and its types leave it to those of browsers.
 */

declare const WebAssembly: {
  Module: new (binary: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
  validate(binary: Uint8Array): boolean
}

/** The memory of a module. Its buffer is another one when it has grown. */
export interface Memory {
  readonly buffer: ArrayBuffer
}

/** Makes an instance of a module. */
export function instantiate(base64: string, imports: object): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(base64, 'base64')), imports).exports
}

/** @returns whether this machine can run a module: some processors lack what vectors need */
export function runsHere(base64: string): boolean {
  return WebAssembly.validate(Buffer.from(base64, 'base64'))
}
