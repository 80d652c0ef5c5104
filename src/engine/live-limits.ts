/** Proof that new limits of a running container are in force, and that it was not restarted for them. */
import { decodeNumber } from '../codec/scalar.ts';
import type { Action, FieldChange } from '../domain/plan.ts';
import { formatSize, MiB } from '../util/bytes.ts';
import type { LiveStatus } from './effects.ts';

const limitKeys = ['memory', 'swap', 'cpulimit', 'cores'] as const;

/** Whether an action changes limits that can be proved at run time. */
export function changesLimits(action: Action): boolean {
  return (
    action.kind === 'container.configure' && limitKeys.some((key) => action.request.params[key] !== undefined)
  );
}

/**
 * Compares the limits that were sent with those that the node reports.
 *
 * `cores` is not compared: pvestatd redistributes CPU sets within some ten seconds (contract lxc-endpoints §C), so a
 * difference right after the write proves nothing.
 *
 * @param action - configure action that was carried out.
 * @param before - state before it.
 * @param after - state after it.
 * @param cores - cores of the config, which hide the CPU limit in the node's report.
 * @returns what is not as it should be; from: wanted, to: found.
 */
export function unprovedLimits(
  action: Action,
  before: LiveStatus,
  after: LiveStatus,
  cores: number | undefined,
): FieldChange[] {
  if (before.status !== 'running') return [];
  if (after.status !== 'running') {
    return [{ field: 'power', from: 'running', to: after.status, effect: 'live' }];
  }
  const { memory, swap, cpulimit } = action.request.params;
  const sizes = [
    ['memory', decodeNumber(memory), decodeNumber(after.maxmem)],
    ['swap', decodeNumber(swap), decodeNumber(after.maxswap)],
  ] as const;
  const found = sizes.flatMap(([field, wantedMiB, bytes]): FieldChange[] =>
    wantedMiB === undefined || bytes === undefined || wantedMiB * MiB === bytes
      ? []
      : [{ field, from: formatSize(wantedMiB * MiB), to: formatSize(bytes), effect: 'live' }],
  );
  const wantedLimit = decodeNumber(cpulimit);
  const cpus = decodeNumber(after.cpus);
  if (wantedLimit && cores === undefined && cpus !== undefined && cpus !== wantedLimit) {
    found.push({ field: 'cpuLimit', from: wantedLimit, to: cpus, effect: 'live' });
  }
  const [upBefore, upAfter] = [decodeNumber(before.uptime), decodeNumber(after.uptime)];
  if (upBefore !== undefined && upAfter !== undefined && upAfter < upBefore) {
    found.push({ field: 'uptime', from: 'kept', to: 'restarted', effect: 'restart' });
  }
  return found;
}
