/*
 * The numbers of the testing wing: how much a bad client sends and how long it waits. They are no limits
 * of the server, so they do not stand in the table that users set limits by. Times are in milliseconds,
 * sizes in bytes.
 */
export const TESTING = {
  /** Bytes that one side of a memory pair takes before it says that there is no room. */
  capacity: 65_536,
  /** What a virtual clock shows first; not 0, so that a time that was never set is seen. */
  firstTime: 1_000,
  /** What its wall clock shows at time 0: midnight of 1 January 2000, UTC. */
  firstWallTime: 946_684_800_000,
  /** How many ticks `settle` gives a program before it says that it will never come to rest. */
  settleTicks: 1_000_000,
  /** Orders of tasks that a check is held against. */
  orders: 50,
  /** Turns of Node's loop in which nothing happened, after which a virtual clock jumps: promises need some. */
  quietTurns: 4,
  /** The port of the client's end of a memory pair, and of the server's. */
  clientPort: 49_152,
  serverPort: 80,
  /** Bytes that a client reads at once. */
  piece: 65_536,
  /** The longest head, and the longest line of chunked framing, that is taken in an answer. */
  answerHead: 65_536,
  /** How long a client waits for something to happen: more than every time of the server's limits table. */
  patience: 90_000,
  /** How often something may happen and the patience begin anew; so every attack ends some day. */
  renewals: 20,
  /** How long a slow reader rests between two pieces. */
  readPause: 5,
  /** How many bytes of an answer a slow reader takes one by one; the rest comes faster. */
  slowBytes: 256,
  /** Bytes after which what never ends must have been refused: more than the operating system holds unread. */
  endless: 16_777_216,
  /** Bytes of requests after which a client that reads no answer must have been made to wait. */
  unread: 25_165_824,
  /** Chunks of one byte in one body. */
  oneByteChunks: 5_000,
  /** Attacks over sockets that go on at the same time. */
  lanes: 16,
  /** The constants of FNV-1a and mulberry32. */
  hashPrime: 0x01000193,
  randomStep: 0x6d2b79f5,
  /** How often a law of streams looks, and how long it rests between, for what must come. */
  lawTurns: 5_000,
  lawPause: 2,
  /** Bytes that a law of streams reads at once, and those of a write that finds no room. */
  lawRead: 10_000,
  lawLarge: 20_000_000,
  /** Characters of an answer that a verdict keeps. */
  kept: 400,
} as const
