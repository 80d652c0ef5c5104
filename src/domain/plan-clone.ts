/** A single clone of a container, owned or not; the clone belongs to nobody. For fleets see plan-copy.ts. */
import { splitDescription } from '../codec/description.ts';
import type { WireValue } from '../schema/request.ts';
import { build, configureAction, guest, startAction, type Target } from './actions.ts';
import type { ActualContainer, ClusterSnapshot } from './actual.ts';
import { assemblePlan } from './assemble.ts';
import { copyObstacle } from './clone-obstacles.ts';
import { storageFacts, storagesOf } from './clone-source.ts';
import { isOwnTag } from './field-row.ts';
import type { Action, Plan, Refusal } from './plan.ts';
import { migrateAction } from './plan-move.ts';
import { lockedRefusal } from './plan-remove.ts';
import { type RefusalText, refusal } from './refusal.ts';

/** How to clone. */
export interface CloneOptions {
  /** Host name of the clone. */
  readonly name: string;
  /** Absent: the first free one. */
  readonly vmid?: number;
  /** Absent: a linked clone where the source is a template and its storages can do it, else a full one. */
  readonly full?: boolean;
  readonly snapshot?: string;
  /** Node of the clone; absent: that of the source. */
  readonly node?: string;
  /** Storage of all its volumes. */
  readonly storage?: string;
  readonly pool?: string;
  readonly start?: boolean;
}

const lastVmid = 999_999_999;

function freeVmid({ guests }: Pick<ClusterSnapshot, 'guests'>): number {
  const used = new Set(guests.map(({ vmid }) => vmid));
  let vmid = 100;
  while (used.has(vmid)) vmid += 1;
  return vmid;
}

/**
 * Plans a clone.
 *
 * @param source - the container to copy.
 * @param options - {@link CloneOptions}.
 * @param snapshot - guests and storages.
 * @returns the plan; its fleet is empty.
 */
export function planClone(source: ActualContainer, options: CloneOptions, snapshot: ClusterSnapshot): Plan {
  const { name: key, storage, node = source.node } = options;
  const vmid = options.vmid ?? freeVmid(snapshot);
  const own = storagesOf(source.live);
  const { canLink } = storageFacts(snapshot, source.node, own);
  const isElsewhere = node !== source.node;
  const goals = storage === undefined ? own : [...own, storage];
  const isDirect = isElsewhere && storageFacts(snapshot, source.node, goals).isShared;
  const movesOff = storage !== undefined || (isElsewhere && !isDirect);
  const full = options.full ?? !(source.isTemplate && canLink && !movesOff);
  const refusals: Refusal[] = [];
  const refuse = (text: RefusalText): void => {
    refusals.push(refusal({ key, vmid }, text));
  };
  if (source.status !== 'stopped' && options.snapshot === undefined)
    refuse({
      code: 'CLONE_SOURCE_RUNNING',
      message: `container ${source.vmid} runs, and a running container can only be cloned from a snapshot`,
      hint: 'stop it first, or give --snapshot',
    });
  if (source.lock !== undefined) refusals.push(lockedRefusal(key, source.vmid, source.lock));
  const problem = copyObstacle(
    source.live,
    { storages: snapshot.storages, node: source.node },
    {
      full,
      state: options.snapshot === undefined ? (source.isTemplate ? 'base' : 'current') : 'snap',
      source: `container ${source.vmid}`,
      fullHint: 'use --full',
    },
  );
  if (problem) refuse(problem);
  if (isElsewhere && !snapshot.nodes.some((one) => one.node === node && one.online))
    refuse({ code: 'NODE_UNKNOWN', message: `there is no online node ${node}` });
  const taken = snapshot.guests.find((one) => one.vmid === vmid);
  if (taken)
    refuse({
      code: 'VMID_TAKEN',
      message: `vmid ${vmid} belongs to ${taken.name ?? taken.type}`,
      hint: 'choose another vmid',
    });
  const { text, ownership, records } = splitDescription(source.live.description ?? '');
  const made: Target = { key, vmid, node: isDirect ? node : source.node };
  const params: Record<string, WireValue> = {
    node: source.node,
    vmid: source.vmid,
    newid: vmid,
    hostname: key,
    full,
    // a clone copies the notes, and with them the line of an owner that it does not have
    ...(ownership || records
      ? { description: text === '' ? `Clone of ${source.name ?? source.vmid}` : text }
      : {}),
    ...(options.snapshot === undefined ? {} : { snapname: options.snapshot }),
    ...(storage === undefined ? {} : { storage }),
    ...(isDirect ? { target: node } : {}),
    ...(options.pool === undefined ? {} : { pool: options.pool }),
  };
  const origin = `${source.name ?? 'container'} (${source.vmid})`;
  const at = options.snapshot === undefined ? '' : ` at ${options.snapshot}`;
  const kind = full ? 'clone' : 'linked clone';
  const actions: Action[] = [
    build(
      'container.clone',
      `${key}/clone`,
      made,
      { method: 'POST', path: `${guest}/clone`, params },
      {
        reason: 'asked for',
        changes: [{ field: 'from', from: null, to: `${kind} of ${origin}${at}`, effect: 'live' }],
      },
      { precondition: { kind: 'vmid-free', flexible: options.vmid === undefined, from: 100, to: lastVmid } },
    ),
  ];
  const after = (): string[] => actions.slice(-1).map(({ id }) => id);
  const tags = source.live.tags ?? [];
  if (tags.some(isOwnTag)) {
    const kept = tags.filter((tag) => !isOwnTag(tag));
    const change = kept.length === 0 ? { delete: 'tags' } : { tags: kept.join(';') };
    const { request, ...action } = configureAction(made, 'mark', change, '', {
      reason: 'it belongs to no fleet',
      after: after(),
    });
    const { digest: _digest, ...rest } = request.params;
    actions.push({ ...action, request: { ...request, params: rest }, precondition: { kind: 'none' } });
  }
  if (isElsewhere && !isDirect)
    actions.push(migrateAction(made, node, { reason: 'asked for', after: after(), isRunning: false }));
  if (options.start) actions.push(startAction({ ...made, node }, { reason: 'asked for', after: after() }));
  return assemblePlan({
    fleet: '',
    containers: [{ key, outcome: 'create', actions, refusals, notices: [] }],
  });
}
