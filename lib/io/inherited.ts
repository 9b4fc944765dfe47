/*
 * Sockets that systemd opened for us (sd_listen_fds(3)): it passes them from descriptor 3 on, and says in
 * the environment how many, what they are called, and for which process they are meant.
 */
import { GyreError } from '../base/index.ts'

/** SD_LISTEN_FDS_START. */
const FIRST = 3
/** No system lets a process have more. Many more would fill the memory before anybody looked at them. */
const COUNT = /^\d{1,5}$/

/**
 * Finds the sockets that systemd passed.
 *
 * @param wanted - their FileDescriptorName; true for all of them
 * @returns their descriptors, at least one
 * @throws GyreError `GYRE_NO_SOCKET`
 */
export function systemdDescriptors(wanted: string | true): readonly number[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = process.env
  if (pid === undefined || count === undefined)
    throw missing('systemd passed no socket: start the .socket unit, which starts the service with its sockets')
  if (Number(pid) !== process.pid)
    throw missing(
      `systemd passed its sockets to process ${pid}, and this is ${process.pid}: let ExecStart run node itself, not npm or a shell`,
    )
  if (!COUNT.test(count))
    throw missing(
      `systemd says how many sockets it passed, but LISTEN_FDS is '${count}': let nobody but systemd set it`,
    )
  const labels = names.split(':')
  const descriptors = Array.from({ length: Number(count) }, (_, index) => FIRST + index)
  const found = descriptors.filter((_, index) => wanted === true || labels[index] === wanted)
  if (found.length > 0) return found
  throw missing(
    wanted === true
      ? `systemd passed ${count} sockets (LISTEN_FDS): give the .socket unit a ListenStream`
      : `systemd passed no socket named ${wanted}, but ${names === '' ? 'unnamed ones' : labels.join(', ')}: set FileDescriptorName=${wanted} in the .socket unit`,
  )
}

function missing(detail: string): GyreError {
  return new GyreError('GYRE_NO_SOCKET', detail)
}
