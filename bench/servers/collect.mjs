/*
 * Loaded before a server that runs in Node: it collects its garbage when it is told to, so that what is left in
 * memory is what is used.
 */
process.on('SIGUSR2', () => globalThis.gc())
