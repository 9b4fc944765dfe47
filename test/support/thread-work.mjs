/*
 * A module whose functions are run in threads.
 */
export const add = (one, other) => one + other
export const word = 'no function'
