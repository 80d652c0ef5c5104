/** Read-back: after an action has succeeded, look whether the cluster is as the plan says. */
import { parseUpid } from '../codec/upid.ts';
import { readBack } from '../domain/converge.ts';
import { fetchesTemplate } from '../domain/fetch-template.ts';
import { isAccountAction } from '../domain/lab/account-actions.ts';
import type { Action, FieldChange } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import {
  asActual,
  destinationOf,
  exists,
  hasVolume,
  type LiveStatus,
  poolWanted,
  powerAfter,
  readNode,
  readPool,
  readStatus,
  volumeOf,
} from './effects.ts';
import { isAcl, unprovedAcls } from './lab/acls.ts';
import { unprovedAccount } from './lab/prove-accounts.ts';
import { changesLimits, unprovedLimits } from './live-limits.ts';
import { isExtra, unprovedExtras } from './prove-extras.ts';
import { isSnapshot, unprovedSnapshot } from './prove-snapshot.ts';
import { type RawConfig, readRawConfig } from './read-container.ts';
import type { RunState } from './run-state.ts';

/** How long the HA manager may take to do what its task only ordered, in milliseconds. */
const haPatienceMs = 120_000;

async function provePower(
  context: EngineContext,
  action: Action,
  vmid: number,
  wanted: 'running' | 'stopped',
  upid: string | undefined,
): Promise<LiveStatus> {
  // PVE: tasks `hastart` and `hastop` end when the HA manager has been told, not when the container has changed
  const type = upid === undefined ? undefined : parseUpid(upid)?.type;
  const giveUpAt = context.clock.now() + (type?.startsWith('ha') ? haPatienceMs : 0);
  for (;;) {
    const status = await readStatus(context, action.target.node, vmid);
    if (status.status === wanted || context.clock.now() >= giveUpAt) return status;
    await context.clock.sleep(2_000, context.signal);
  }
}

/** Waits until the container is on the node that it was to go to; the HA manager moves it some time after its task. */
async function proveArrival(
  context: EngineContext,
  run: RunState,
  action: Action,
  vmid: number,
  node: string,
  upid: string | undefined,
): Promise<FieldChange[]> {
  const isOrdered = upid !== undefined && parseUpid(upid)?.type === 'hamigrate';
  const giveUpAt = context.clock.now() + (isOrdered ? haPatienceMs : 0);
  let found = await readNode(context, vmid);
  let raw: RawConfig | undefined;
  for (;;) {
    if (found === node) raw = await readRawConfig(context, node, vmid);
    // the config is there before the container is started again
    if (raw && raw.live['lock'] !== 'migrate') break;
    if (context.clock.now() >= giveUpAt) break;
    await context.clock.sleep(2_000, context.signal);
    found = await readNode(context, vmid);
  }
  if (!raw) return [{ field: 'node', from: node, to: found ?? null, effect: 'live' }];
  run.digests.set(vmid, raw.digest);
  const wanted = powerOnArrival(action);
  if (wanted === undefined) return [];
  const there: Action = { ...action, target: { ...action.target, node } };
  const status = await provePower(context, there, vmid, wanted, upid);
  return status.status === wanted ? [] : absent('power', wanted, status.status);
}

/** A migration with a restart leaves a running container behind. */
function powerOnArrival(action: Action): 'running' | undefined {
  return action.request.params['restart'] === true ? 'running' : undefined;
}

function absent(field: string, from: string, to: string): FieldChange[] {
  return [{ field, from, to, effect: 'live' }];
}

/** PVE: a pending change that cannot be applied at a start is only logged, and goes on waiting. */
function stillPending(raw: RawConfig): FieldChange[] {
  return raw.pending.map((field) => ({ field, from: 'in force', to: 'waiting', effect: 'restart' }));
}

/**
 * The state before an action, where the proof afterwards needs it.
 *
 * @returns the state, or undefined when nothing has to be compared.
 */
export async function stateBefore(
  context: EngineContext,
  run: RunState,
  action: Action,
): Promise<LiveStatus | undefined> {
  const vmid = run.vmidOf(action);
  if (vmid === undefined || !changesLimits(action)) return undefined;
  return readStatus(context, action.target.node, vmid);
}

/**
 * Compares what an action was to do with what is there now, and keeps the newest digest for the actions that follow.
 *
 * @param before - what {@link stateBefore} gave.
 * @param upid - task of the action.
 * @returns planned changes that are not there; from: wanted, to: found.
 * @throws PveError when the cluster cannot be read.
 */
export async function unprovedChanges(
  context: EngineContext,
  run: RunState,
  action: Action,
  before: LiveStatus | undefined,
  upid: string | undefined,
): Promise<FieldChange[]> {
  const { node } = action.target;
  const volume = volumeOf(action);
  if (volume) {
    const there = await hasVolume(context, node, volume.storage, volume.volid);
    if (there === fetchesTemplate(action)) return [];
    return absent('template', there ? 'absent' : 'present', there ? 'present' : 'absent');
  }
  if (isAccountAction(action)) return unprovedAccount(context, run, action);
  const vmid = run.vmidOf(action);
  if (vmid === undefined || action.kind === 'container.ready') return [];
  if (action.kind === 'container.destroy') {
    run.digests.delete(vmid);
    return (await exists(context, node, vmid)) ? absent('container', 'absent', 'present') : [];
  }
  const pool = poolWanted(action);
  if (pool !== undefined) {
    const found = (await readPool(context, vmid)) ?? null;
    return found === pool ? [] : [{ field: 'pool', from: pool, to: found, effect: 'live' }];
  }
  if (isSnapshot(action)) {
    const unproved = await unprovedSnapshot(context, action, vmid);
    run.digests.set(vmid, (await readRawConfig(context, node, vmid)).digest);
    return unproved;
  }
  if (isAcl(action)) return unprovedAcls(context, action, vmid);
  if (isExtra(action)) return unprovedExtras(context, action, vmid, run);
  const destination = destinationOf(action);
  if (destination !== undefined) return proveArrival(context, run, action, vmid, destination, upid);
  const power = powerAfter(action);
  const status = power === undefined ? undefined : await provePower(context, action, vmid, power, upid);
  const raw = await readRawConfig(context, node, vmid);
  run.digests.set(vmid, raw.digest);
  const after = before ? await readStatus(context, node, vmid) : status;
  const actual = asActual(action, vmid, raw, after);
  const missing = readBack(action, actual);
  if (before && after) missing.push(...unprovedLimits(action, before, after, actual.live.cores));
  if (power !== undefined && status?.status !== power && !missing.some(({ field }) => field === 'power')) {
    missing.push(...absent('power', power, status?.status ?? 'unknown'));
  }
  if (power === 'running') missing.push(...stillPending(raw));
  return missing;
}
