/*
 * The virtual clock of gyre/testing, by the names that the tests of the kernel know it by.
 */
export { VirtualHost as MockHost, resultOf, runVirtual as runMock } from '../../lib/testing/index.ts'
