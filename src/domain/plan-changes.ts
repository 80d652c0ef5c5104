/**
 * Differences of an existing container → actions. Live changes and changes that wait for a restart go into separate
 * calls, because the server writes nothing of a call in which one key fails, although earlier ones may be in force already.
 */
import { encodeLxcConfig, type LxcConfig, type LxcWireValue } from '../codec/lxc-config.ts';
import { encodeDiskSize } from '../codec/scalar.ts';
import { MiB } from '../util/bytes.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { configureAction, rebootAction, resizeAction, type Target } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import { type Difference, withGrowth } from './diff.ts';
import { nameSome } from './drift.ts';
import type { Action, FieldChange, Refusal } from './plan.ts';
import { refusal } from './refusal.ts';
import { spellBytes, spellMiB } from './spelling.ts';

/** What is to be done to one container. */
export interface ChangeRequest {
  readonly key: string;
  readonly actual: ActualContainer;
  /** The whole config as it should be. */
  readonly config: LxcConfig;
  readonly differences: readonly Difference[];
  /** Why, for a list of fields. */
  readonly reason: (fields: readonly string[]) => string;
  /** May it be restarted for changes that need it? */
  readonly mayRestart: boolean;
  /** The file says that it never is, whatever is allowed. */
  readonly neverRestart?: boolean;
  /** It is shut down afterwards, which applies what waits. */
  readonly willStop: boolean;
  /** What comes before all of it. */
  readonly after?: readonly string[];
}

/** What comes of it. */
export interface PlannedChanges {
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
  /** Fields, or keys, that wait for a restart that is not planned. */
  readonly waiting: readonly string[];
}

interface Batch {
  readonly name: 'live' | 'restart' | 'protection';
  readonly differences: readonly Difference[];
  readonly keys: ReadonlySet<string>;
}

type Wire = Readonly<Record<string, LxcWireValue>>;

const isDisk = (key: string): boolean => /^(?:rootfs|mp\d+)$/.test(key);
const keysOf = (differences: readonly Difference[]): Set<string> =>
  new Set(differences.flatMap(({ keys }) => keys));

const batch = (name: Batch['name'], differences: readonly Difference[]): Batch => ({
  name,
  differences,
  keys: keysOf(differences),
});

/** Sorts differences into calls. Disks cannot be changed while protection is on, so it goes off first and on last. */
function batches(differences: readonly Difference[], isProtected: boolean): Batch[] {
  const written = differences.filter(({ keys }) => keys.length > 0);
  const isProtection = ({ change }: Difference): boolean => change.field === 'protection';
  const touchesDisk = (list: readonly Difference[]): boolean =>
    list.some(({ keys }) => keys.some((key) => isDisk(key)));
  // the string of a disk that grows is written only where it waits for a restart anyway
  const live = written.filter(({ change, grow }) => change.effect === 'live' && !grow);
  const restart = written.filter(({ change, grow }) => change.effect === 'restart' || grow);
  const protection = live.filter(isProtection);
  const others = live.filter((difference) => !isProtection(difference));
  if (protection.length > 0 && isProtected && touchesDisk(written))
    return [batch('protection', protection), batch('live', others), batch('restart', restart)];
  if (protection.length > 0 && touchesDisk(restart))
    return [batch('live', others), batch('restart', [...protection, ...restart])];
  return [batch('live', live), batch('restart', restart)];
}

function parametersOf(
  keys: ReadonlySet<string>,
  wanted: Wire,
  next: Wire,
  live: Wire,
): Record<string, LxcWireValue> {
  const params: Record<string, LxcWireValue> = {};
  const gone: string[] = [];
  const back: string[] = [];
  for (const key of [...keys].sort(naturalCompare)) {
    const value = wanted[key];
    // PVE: deleting a key that only waits does nothing; `revert` drops what waits, whatever it is
    if (value === live[key] && value !== next[key]) back.push(key);
    else if (value === undefined) gone.push(key);
    else params[key] = value;
  }
  if (gone.length > 0) params['delete'] = gone.join(',');
  if (back.length > 0) params['revert'] = back.join(',');
  return params;
}

/**
 * Keys to be unset that still have a change waiting. It has to be dropped first, in a call of its own.
 * PVE: pve-container LXC/Config.pm, vmconfig_apply_pending — the deletion is applied first and the old change after it;
 * both in one call are refused.
 */
function outdated(keys: ReadonlySet<string>, wanted: Wire, next: Wire, live: Wire): string[] {
  return [...keys].filter(
    (key) =>
      wanted[key] === undefined &&
      live[key] !== undefined &&
      next[key] !== undefined &&
      next[key] !== live[key],
  );
}

/** Memory and swap are one limit to the kernel and are set together. */
function withPartners(keys: ReadonlySet<string>, wanted: Wire): Set<string> {
  const all = new Set(keys);
  if (keys.has('memory') && wanted['swap'] !== undefined) all.add('swap');
  if (keys.has('swap') && wanted['memory'] !== undefined) all.add('memory');
  return all;
}

function noticesOf({ key, actual, config, differences }: ChangeRequest): Diagnostic[] {
  const notices: Diagnostic[] = [];
  const used = actual.usage.memoryBytes;
  const isRunning = actual.status === 'running';
  const memory = config.memoryMiB;
  const isShrunk = differences.some(({ change }) => change.field === 'memory');
  if (isRunning && isShrunk && used !== undefined && memory !== undefined && used > memory * MiB)
    notices.push({
      severity: 'warning',
      code: 'MEMORY_BELOW_USAGE',
      message: `${key} uses ${spellBytes(Math.ceil(used / MiB) * MiB)} now, and its memory becomes ${spellMiB(memory)}`,
      hint: 'processes in it may be killed; stop some of them first',
    });
  for (const { change } of differences) {
    const volume = (change.from as { source?: unknown } | null)?.source;
    if (!change.field.startsWith('mounts.') || change.to !== null || typeof volume !== 'string') continue;
    if (volume.startsWith('/')) continue;
    notices.push({
      severity: 'info',
      code: 'VOLUME_KEPT',
      message: `${key}: the volume ${volume} of ${change.field.slice('mounts.'.length)} is detached and kept as an unused disk`,
    });
  }
  return notices;
}

/** Wire keys that will still wait for a restart, or the fields that they carry. */
function waitingAfter({ actual, differences }: ChangeRequest, wanted: Wire): string[] {
  const live = encodeLxcConfig(withGrowth(actual.live, differences));
  const restart = differences.filter(({ change, keys }) => change.effect === 'restart' && keys.length > 0);
  const written = keysOf(differences);
  const carried = keysOf(restart);
  const older = actual.pending.filter(
    (key) => !carried.has(key) && !(written.has(key) && wanted[key] === live[key]),
  );
  return [...restart.map(({ change }) => change.field), ...older.sort(naturalCompare)];
}

/**
 * Plans the changes of one container.
 *
 * @param request - what is to be done.
 * @returns actions in the order in which they depend on each other, and what is to be said about them.
 */
export function planChanges(request: ChangeRequest): PlannedChanges {
  const { key, actual, config, differences, reason } = request;
  const { digest, vmid, node } = actual;
  const target: Target = { key, vmid, node };
  const isStopped = actual.status === 'stopped';
  const wanted = encodeLxcConfig(config);
  const next = encodeLxcConfig(actual.next);
  const live = encodeLxcConfig(actual.live);
  const isProtected = actual.live.protection ?? false;
  const calls = batches(differences, isProtected).filter(({ keys }) => keys.size > 0);
  const refusals: Refusal[] = [];
  if (isProtected && calls[0]?.name !== 'protection' && calls.some(({ keys }) => [...keys].some(isDisk)))
    refusals.push(
      refusal(
        { key, vmid },
        {
          code: 'CONTAINER_PROTECTED',
          message: `container ${vmid} is protected, so its disks cannot be changed`,
          hint: 'write protection: false, or unset it in Proxmox VE',
          changes: differences.filter(({ keys }) => keys.some(isDisk)).map(({ change }) => change),
        },
      ),
    );
  const actions: Action[] = [];
  const add = (build: (after: readonly string[]) => Action): void => {
    const last = actions.at(-1);
    actions.push(build(last ? [last.id] : (request.after ?? [])));
  };
  const fieldsOf = (changes: readonly FieldChange[]): string[] => changes.map(({ field }) => field);
  // the ownership line is renewed along with the first write, and never alone
  const renewed = wanted['description'] === next['description'] ? [] : ['description'];
  const configure = (call: Batch): void => {
    const keys = withPartners(new Set([...call.keys, ...(call === calls[0] ? renewed : [])]), wanted);
    const written = call.differences.map(({ change }) => change);
    const changes = call.differences.filter(({ grow }) => !grow).map(({ change }) => change);
    add((after) =>
      configureAction(target, call.name, parametersOf(keys, wanted, next, live), digest, {
        reason: reason(fieldsOf(written)),
        after,
        changes,
      }),
    );
  };
  const dropped = outdated(keysOf(differences), wanted, next, live).sort(naturalCompare);
  if (dropped.length > 0)
    add((after) =>
      configureAction(target, 'revert', { revert: dropped.join(',') }, digest, {
        reason: `${nameSome(dropped)}: an older change still waits`,
        after,
      }),
    );
  const rewritesDisk = (call: Batch): boolean => [...call.keys].some((disk) => isDisk(disk) && disk in live);
  // a call that writes a disk's options repeats its size, so it comes after the disk has grown
  for (const call of calls.filter((one) => !rewritesDisk(one))) configure(call);
  for (const { change, grow } of differences)
    if (grow)
      add((after) =>
        resizeAction(target, grow.disk, encodeDiskSize(grow.bytes), digest, {
          reason: reason([change.field]),
          after,
          changes: [change],
        }),
      );
  for (const call of calls.filter(rewritesDisk)) configure(call);
  const notices = noticesOf(request);
  const waiting = isStopped || request.willStop ? [] : waitingAfter(request, wanted);
  if (waiting.length === 0 || actual.status !== 'running') return { actions, refusals, notices, waiting: [] };
  if (request.mayRestart) {
    add((after) => rebootAction(target, { reason: `${nameSome(waiting)}: waiting for a restart`, after }));
    return { actions, refusals, notices, waiting: [] };
  }
  const count = waiting.length === 1 ? '1 field waits' : `${waiting.length} fields wait`;
  const restart: Diagnostic = {
    severity: 'warning',
    code: 'RESTART_NEEDED',
    message: `${key}: ${count} for a restart: ${nameSome(waiting)}`,
    hint: request.neverRestart
      ? 'the file says restart: never; restart it yourself when it suits'
      : 'restart it, allow it with --allow restart, or write restart: always',
  };
  return { actions, refusals, notices: [...notices, restart], waiting };
}
