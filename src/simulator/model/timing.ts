/**
 * How long things take, on the simulation's clock. The one table of durations; nothing else in the container semantics
 * knows milliseconds.
 */

const MiB = 1024 ** 2;

/** Fixed durations in milliseconds. */
export const durations = {
  /** Allocating and formatting one volume. */
  allocate: 150,
  /** Mounting, set-up inside, writing the config. */
  setUp: 450,
  start: 500,
  /** Killing a container until its mounts are gone. */
  kill: 300,
  destroy: 400,
  snapshot: 300,
  deleteSnapshot: 300,
  rollback: 500,
  template: 300,
  linkedClone: 400,
  resizeRunning: 300,
  /** The file system is checked first. */
  resizeStopped: 1500,
  reassign: 200,
  migratePrepare: 800,
  migrateFinish: 500,
  /** Until a failing helper program has given up. */
  fail: 200,
  /** How long a console waits for somebody to connect. */
  consoleWait: 10_000,
  /** lxc-checkpoint without criu. */
  checkpoint: 150,
  /** Until the HA manager has acted on a request. */
  haCycle: 5000,
  /** After a start or a hot-plug, until the container's own network set-up has run. */
  networkUp: 1000,
  /** After the network is up, until a DHCP server has answered. */
  dhcpLease: 3000,
  /** A lxc-stop that ran into its time-out gets so much longer than the container. */
  stopGrace: 5000,
} as const;

/** What a clean halt takes, by ostype; others are as quick as the last row. */
const halts: readonly (readonly [ostype: string, ms: number])[] = [
  ['alpine', 2500],
  ['debian', 1500],
  ['ubuntu', 2000],
  ['', 1800],
];

/**
 * Duration of a clean halt.
 *
 * @param ostype - of the container.
 * @returns milliseconds.
 */
export function haltMs(ostype: string): number {
  return (halts.find(([name]) => name === ostype || name === '') as readonly [string, number])[1];
}

/**
 * Duration of unpacking an archive.
 *
 * @param bytes - unpacked size.
 * @returns milliseconds, at most 6 s.
 */
export function unpackMs(bytes: number): number {
  return Math.min(6000, 200 + Math.round((bytes / MiB) * 8));
}

/**
 * Duration of copying the content of a volume.
 *
 * @param bytes - size of the content.
 * @returns milliseconds, at most 8 s.
 */
export function copyMs(bytes: number): number {
  return Math.min(8000, 500 + Math.round((bytes / MiB) * 8));
}
