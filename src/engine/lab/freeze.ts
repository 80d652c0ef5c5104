/** Freezing and unfreezing: observation and pure planning, and the manifest of what was frozen. */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import { frozenOf } from '../../domain/lab/frozen.ts';
import { planFreeze, planUnfreeze } from '../../domain/lab/plan-freeze.ts';
import { spellTime } from '../../domain/lab/times.ts';
import type { Policy } from '../../domain/plan.ts';
import { digestOf } from '../../util/canonical-json.ts';
import type { EngineContext } from '../context.ts';
import { observe } from '../observe.ts';
import { mapBounded } from '../parallel.ts';
import { containersOf, type Planned, ready } from '../plan.ts';
import { readSnapshots } from '../read-snapshots.ts';
import type { ApplyReport } from '../report.ts';
import { compact } from '../resources.ts';
import { readSnapshotStates } from '../snapshots.ts';

/** How to freeze. */
export interface FreezeOptions {
  readonly stop: boolean;
  readonly snapshot?: string;
}

/**
 * Plan of `freeze`.
 *
 * @param vmids - containers, owned or not.
 * @param options - how.
 * @param policy - what is allowed.
 * @throws UsageError for an id that is no container.
 */
export async function makeFreezePlan(
  context: EngineContext,
  vmids: readonly number[],
  options: FreezeOptions,
  policy: Policy,
): Promise<Planned> {
  const snapshot = await observe(context, { vmids });
  const containers = containersOf(snapshot, vmids);
  const asked = options.snapshot === undefined ? [] : containers;
  const request = {
    ...options,
    states: await readSnapshotStates(context, asked, true),
    storages: snapshot.storages,
    now: context.clock.now(),
    reason: 'asked for',
  };
  return ready(context, planFreeze(containers, request, policy), snapshot);
}

/**
 * Plan of `unfreeze`.
 *
 * @param vmids - containers, owned or not.
 * @throws UsageError for an id that is no container.
 */
export async function makeUnfreezePlan(context: EngineContext, vmids: readonly number[]): Promise<Planned> {
  const snapshot = await observe(context, { vmids });
  return ready(context, planUnfreeze(containersOf(snapshot, vmids), context.clock.now()), snapshot);
}

/** One container of a manifest. */
export interface ManifestEntry {
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly status: string;
  readonly fleet?: string;
  readonly key?: string;
  readonly student?: string;
  readonly group?: string;
  /** ISO 8601; absent: it is not frozen. */
  readonly frozenSince?: string;
  /** SHA-1 of its configuration, as Proxmox VE gives it. */
  readonly digest: string;
  readonly snapshot?: { readonly name: string; readonly takenAt?: string };
  readonly disks: readonly { readonly disk: string; readonly volume: string; readonly sizeBytes?: number }[];
  /** Bytes in use on its root disk, where the server knows them. */
  readonly usedBytes?: number;
  readonly result: 'frozen' | 'failed';
  readonly error?: string;
}

/** The document `pvefleet.manifest/1`: what was frozen, by whom and when. */
export interface ManifestDocument {
  readonly format: 'pvefleet.manifest/1';
  /** ISO 8601. */
  readonly at: string;
  /** User or token that did it. */
  readonly by: string;
  readonly endpoint: string;
  readonly snapshot?: string;
  readonly containers: readonly ManifestEntry[];
  /** Digest of everything else. */
  readonly sha256: string;
}

function disksOf({ rootfs, mounts }: LxcConfig): ManifestEntry['disks'] {
  return Object.entries({ ...(rootfs ? { rootfs } : {}), ...mounts }).map(([disk, { volume, size }]) => ({
    disk,
    volume,
    ...(size === undefined ? {} : { sizeBytes: size }),
  }));
}

async function entryOf(
  context: EngineContext,
  container: ActualContainer,
  name: string | undefined,
  report: ApplyReport,
): Promise<ManifestEntry> {
  const { vmid, node, ownership, live, digest, status, usage } = container;
  const taken =
    name === undefined
      ? undefined
      : (await readSnapshots(context, container)).find((one) => one.name === name);
  const failed = report.actions.find(
    (action) => action.vmid === vmid && !['ok', 'unchanged', 'warnings'].includes(action.result),
  );
  const frozen = frozenOf(container);
  const isFrozen = frozen !== undefined && failed === undefined;
  return compact({
    vmid,
    name: live.hostname ?? container.name ?? `CT${vmid}`,
    node,
    status,
    fleet: ownership?.fleet,
    key: ownership?.key,
    student: ownership?.student,
    group: ownership?.group,
    frozenSince: frozen && spellTime(frozen.at),
    digest,
    snapshot:
      taken &&
      compact({
        name: taken.name,
        takenAt: taken.takenAt === undefined ? undefined : spellTime(taken.takenAt * 1_000),
      }),
    disks: disksOf(live),
    usedBytes: usage.diskBytes || undefined,
    result: isFrozen ? 'frozen' : 'failed',
    error: isFrozen ? undefined : (failed?.error?.message ?? 'it is not frozen'),
  }) as ManifestEntry;
}

/**
 * Says what was frozen, by a new look at the cluster.
 *
 * @param vmids - the containers that were to be frozen; templates are left out.
 * @param snapshot - name of the snapshot that was asked for.
 * @param report - what was done.
 * @returns the manifest, in order of vmid.
 */
export async function readManifest(
  context: EngineContext,
  vmids: readonly number[],
  snapshot: string | undefined,
  report: ApplyReport,
): Promise<ManifestDocument> {
  const observed = await observe(context, { vmids });
  const containers = [...observed.containers.values()].filter(
    ({ vmid, isTemplate }) => vmids.includes(vmid) && !isTemplate,
  );
  const entries = await mapBounded(context.limits.requests, containers, (one) =>
    entryOf(context, one, snapshot, report),
  );
  const body = {
    format: 'pvefleet.manifest/1' as const,
    at: spellTime(context.clock.now()),
    by: context.identity ?? 'unknown',
    endpoint: context.pve.url,
    ...(snapshot === undefined ? {} : { snapshot }),
    containers: entries,
  };
  return { ...body, sha256: digestOf(body) };
}
