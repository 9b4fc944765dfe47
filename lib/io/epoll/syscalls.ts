/*
 * The system calls, through koffi: the one file that knows it. Also the two calls of libuv by which
 * our epoll descriptor becomes a guest of Node's loop.
 *
 * `koffi.load(null)` is the running program itself: Node exports libuv's names, and its libc's names
 * are found there with glibc and musl alike. Addresses are passed as plain numbers: a typed array
 * would be looked up anew in each call. The constants are those of Linux, the same on x64 and arm64.
 */
import { createRequire } from 'node:module'

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const SO_ACCEPTCONN = 30
export const IPPROTO_TCP = 6
export const TCP_NODELAY = 1
export const TCP_INFO = 11
export const TCP_NOTSENT_LOWAT = 25
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26
export const MSG_NOSIGNAL = 0x4000
export const MSG_MORE = 0x8000
export const SHUT_WR = 1
export const F_GETFL = 3
export const F_SETFL = 4
export const F_SETFD = 2
export const F_DUPFD_CLOEXEC = 1030
export const FD_CLOEXEC = 1
export const O_NONBLOCK = SOCK_NONBLOCK

export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const EPOLLIN = 0x1
export const EPOLLOUT = 0x4
export const EPOLLERR = 0x8
export const EPOLLHUP = 0x10
export const EPOLLRDHUP = 0x2000
export const EPOLLONESHOT = 1 << 30
export const EPOLLET = 1 << 31

export const EPERM = 1
export const EINTR = 4
export const EBADF = 9
export const EAGAIN = 11
export const ENOMEM = 12
export const EINVAL = 22
export const ENOSYS = 38
export const ENFILE = 23
export const EMFILE = 24
export const EPIPE = 32
export const ENONET = 64
export const EPROTO = 71
export const ENOTSOCK = 88
export const ENOPROTOOPT = 92
export const EOPNOTSUPP = 95
export const EAFNOSUPPORT = 97
export const ENETDOWN = 100
export const ENETUNREACH = 101
export const ECONNABORTED = 103
export const ECONNRESET = 104
export const ENOBUFS = 105
export const ENOTCONN = 107
export const ETIMEDOUT = 110
export const EHOSTDOWN = 112
export const EHOSTUNREACH = 113
export const EINPROGRESS = 115

const UV_POLL = 8
const UV_READABLE = 1

/** The system calls that Gyre makes. Where libc reports by errno, `errno()` tells right after the call. */
export interface Syscalls {
  socket: (family: number, type: number, protocol: number) => number
  bind: (descriptor: number, address: number, length: number) => number
  listen: (descriptor: number, backlog: number) => number
  connect: (descriptor: number, address: number, length: number) => number
  accept4: (descriptor: number, address: number, length: number, flags: number) => number
  setsockopt: (descriptor: number, level: number, name: number, value: number, length: number) => number
  getsockopt: (descriptor: number, level: number, name: number, value: number, length: number) => number
  /** With the commands used here the third argument is a number, as in every register of x64 and arm64. */
  fcntl: (descriptor: number, command: number, value: number) => number
  getsockname: (descriptor: number, address: number, length: number) => number
  getpeername: (descriptor: number, address: number, length: number) => number
  recv: (descriptor: number, bytes: number, length: number, flags: number) => number
  send: (descriptor: number, bytes: number, length: number, flags: number) => number
  /** @param position - the address of where to begin, eight bytes, which are moved on */
  sendfile: (socket: number, file: number, position: number, length: number) => number
  shutdown: (descriptor: number, how: number) => number
  close: (descriptor: number) => number
  epoll_create1: (flags: number) => number
  epoll_ctl: (epoll: number, operation: number, descriptor: number, event: number) => number
  epoll_wait: (epoll: number, events: number, count: number, timeout: number) => number
  inet_pton: (family: number, text: string, address: number) => number
  errno: () => number
  /** Name and text of an error number, for messages. */
  describe: (errno: number) => string
  /** The address of a buffer's first byte. The buffer must be kept as long as the address is used. */
  addressOf: (bytes: Uint8Array) => number
  /** Has libuv watch a descriptor; it holds the process while `hold` says so. */
  watchFromLibuv: (descriptor: number, callback: () => void) => LibuvWatch
}

/** A watch by libuv's loop. */
export interface LibuvWatch {
  /** @param held - whether the watch keeps the process alive */
  hold(held: boolean): void
}

type Koffi = typeof import('koffi')

/** Makes a function of a C prototype; who calls it knows its type in TypeScript. */
type Define = (prototype: string) => never

let loaded: Syscalls | Error | undefined

/** @returns the system calls; the reason where they cannot be had */
export function loadSyscalls(): Syscalls | Error {
  if (loaded === undefined) {
    try {
      loaded = bindSyscalls(createRequire(import.meta.url)('koffi') as Koffi)
    } catch (error) {
      loaded = error instanceof Error ? error : new Error(String(error))
    }
  }
  return loaded
}

/** @returns the system calls, where it is certain by now that they can be had */
export function syscalls(): Syscalls {
  const calls = loadSyscalls()
  if (calls instanceof Error) throw calls
  return calls
}

function bindSyscalls(koffi: Koffi): Syscalls {
  const self = koffi.load(null)
  const define: Define = (prototype) => self.func(prototype) as unknown as never
  const strerror: (errno: number) => string = define('const char *strerror(int)')
  return {
    socket: define('int socket(int, int, int)'),
    bind: define('int bind(int, size_t, uint)'),
    listen: define('int listen(int, int)'),
    connect: define('int connect(int, size_t, uint)'),
    accept4: define('int accept4(int, size_t, size_t, int)'),
    setsockopt: define('int setsockopt(int, int, int, size_t, uint)'),
    getsockopt: define('int getsockopt(int, int, int, size_t, size_t)'),
    fcntl: define('int fcntl(int, int, int)'),
    getsockname: define('int getsockname(int, size_t, size_t)'),
    getpeername: define('int getpeername(int, size_t, size_t)'),
    recv: define('int64 recv(int, size_t, size_t, int)'),
    send: define('int64 send(int, size_t, size_t, int)'),
    sendfile: define('int64 sendfile(int, int, size_t, size_t)'),
    shutdown: define('int shutdown(int, int)'),
    close: define('int close(int)'),
    epoll_create1: define('int epoll_create1(int)'),
    epoll_ctl: define('int epoll_ctl(int, int, int, size_t)'),
    epoll_wait: define('int epoll_wait(int, size_t, int, int)'),
    inet_pton: define('int inet_pton(int, const char *, size_t)'),
    errno: () => koffi.errno(),
    describe: (errno) => `${nameOfErrno(koffi, errno)}, ${strerror(errno)}`,
    addressOf: (bytes) => Number(koffi.address(bytes)),
    watchFromLibuv: (descriptor, callback) => watchFromLibuv(koffi, define, descriptor, callback),
  }
}

function nameOfErrno(koffi: Koffi, errno: number): string {
  for (const [name, value] of Object.entries(koffi.os.errno)) if (value === errno) return name
  return `errno ${errno}`
}

function watchFromLibuv(koffi: Koffi, define: Define, descriptor: number, callback: () => void): LibuvWatch {
  const defaultLoop: () => unknown = define('void *uv_default_loop()')
  const sizeOf: (type: number) => number | bigint = define('size_t uv_handle_size(int)')
  const init: (loop: unknown, handle: unknown, descriptor: number) => number = define(
    'int uv_poll_init(void *, void *, int)',
  )
  const start: (handle: unknown, events: number, callback: unknown) => number = define(
    'int uv_poll_start(void *, int, void *)',
  )
  const ref: (handle: unknown) => void = define('void uv_ref(void *)')
  const unref: (handle: unknown) => void = define('void uv_unref(void *)')
  // Outside of the garbage collector's reach, because libuv keeps the address; never freed, because
  // there is one for the life of the process.
  const handle: unknown = koffi.alloc('uint8', Number(sizeOf(UV_POLL)))
  const onPoll = koffi.register(callback, koffi.pointer(koffi.proto('void gyre_on_poll(void *, int, int)')))
  if (init(defaultLoop(), handle, descriptor) !== 0 || start(handle, UV_READABLE, onPoll) !== 0)
    throw new Error('libuv does not watch the epoll descriptor')
  unref(handle)
  return {
    hold(held) {
      if (held) ref(handle)
      else unref(handle)
    },
  }
}
