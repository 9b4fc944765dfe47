/*
 * `gyre/kernel`: for authors of primitives. The kernel room with the host that it has in Node.
 */
export * from '../kernel/index.ts'
export { NodeHost, homeKernel } from '../io/index.ts'
