/**
 * What a change of a running container does, per key. Pure table; `apply-changes.ts` carries it out.
 * Source: pve-container LXC/Config.pm, vmconfig_hotplug_pending, and contract lxc-endpoints §C.
 */

/**
 * - `config`: the config changes at once, nothing else does
 * - `cgroup`: a limit changes at once
 * - `network`: an interface changes at once
 * - `disk`: a volume is mounted, a device passed through, or an unused volume destroyed at once
 * - `pending`: waits for the next start or stop
 */
export type Effect = 'config' | 'cgroup' | 'network' | 'disk' | 'pending';

interface Row {
  readonly keys: RegExp;
  /** Effect of setting the key while it is not set. */
  readonly add: Effect;
  /** Effect of giving it another value. */
  readonly change: Effect;
  readonly remove: Effect;
}

/** The first row that fits counts; keys of no row wait in every case. */
const rows: readonly Row[] = [
  {
    // $LXC_FASTPLUG_OPTIONS
    keys: /^(description|onboot|startup|protection|hostname|hookscript|cores|tags|lock)$/,
    add: 'config',
    change: 'config',
    remove: 'config',
  },
  { keys: /^(cpulimit|cpuunits|swap)$/, add: 'cgroup', change: 'cgroup', remove: 'cgroup' },
  // memory cannot be deleted at all
  { keys: /^memory$/, add: 'cgroup', change: 'cgroup', remove: 'pending' },
  { keys: /^net\d$/, add: 'network', change: 'network', remove: 'network' },
  // the pattern for removing has one digit only: net10 and up wait
  { keys: /^net\d\d$/, add: 'network', change: 'network', remove: 'pending' },
  // mounting or passing through something new works, replacing it does not
  { keys: /^(mp|dev)\d+$/, add: 'disk', change: 'pending', remove: 'pending' },
  { keys: /^unused\d+$/, add: 'pending', change: 'pending', remove: 'disk' },
];

/**
 * Effect of setting a key on a running container.
 *
 * @param key - config key.
 * @param isSet - whether the active config has it already.
 */
export function effectOfSet(key: string, isSet: boolean): Effect {
  const row = rows.find(({ keys }) => keys.test(key));
  return row === undefined ? 'pending' : isSet ? row.change : row.add;
}

/**
 * Effect of deleting a key that the active config of a running container has.
 *
 * @param key - config key.
 */
export function effectOfDelete(key: string): Effect {
  return rows.find(({ keys }) => keys.test(key))?.remove ?? 'pending';
}
