/** THE STRATEGY TABLE of a reset: what stands against a rollback and against making a container anew, and what is chosen. Pure. */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ActualContainer, StorageInfo } from '../actual.ts';
import { adopt } from '../adopt.ts';
import { volumeAccess } from '../config-rights.ts';
import { type DesiredContainer, defaultReset } from '../desired.ts';
import { diff } from '../diff.ts';
import { nameSome } from '../drift.ts';
import { volumeMoves } from '../plan-move.ts';
import type { SnapshotInfo } from '../plan-snapshot.ts';
import type { RefusalText } from '../refusal.ts';
import { snapshotObstacles } from '../snapshot-first.ts';
import { readVolume } from '../spelling.ts';
import { baselineOrigin } from './baseline.ts';
import type { ResetStrategy } from './reset-facts.ts';

/** One container that is to be reset. */
export interface ResetCase {
  /** Absent: no file; only a rollback can be had. */
  readonly desired?: DesiredContainer;
  readonly actual: ActualContainer;
  /** Name of the snapshot to go back to. */
  readonly snapshot: string;
  readonly wanted: ResetStrategy | 'auto';
  readonly snapshots: readonly SnapshotInfo[];
  /** Config that the snapshot holds; undefined: there is no such snapshot. */
  readonly baseline: LxcConfig | undefined;
  readonly storages: readonly StorageInfo[];
  readonly isReplicated: boolean;
}

/** What was chosen, and why. */
export interface Choice {
  readonly strategy: ResetStrategy;
  readonly why: string;
}

type Row = (subject: ResetCase) => string | undefined;

const dateOf = (seconds: number): string =>
  new Date(seconds * 1_000).toISOString().slice(0, 16).replace('T', ' ');

function noBaseline({ snapshot, baseline, actual, storages }: ResetCase): string | undefined {
  if (baseline) return undefined;
  const why = snapshotObstacles(actual, storages);
  return why.length > 0
    ? `it cannot be snapshotted: ${nameSome(why)}`
    : `there is no snapshot ${snapshot} of it`;
}

/** PVE: pve-storage ZFSPoolPlugin.pm, volume_rollback_is_possible — what came after a snapshot would be lost. */
function notNewest({ snapshot, snapshots, baseline, actual, storages }: ResetCase): string | undefined {
  const found = snapshots.find(({ name }) => name === snapshot);
  const disks = [...(baseline?.rootfs ? [baseline.rootfs] : []), ...Object.values(baseline?.mounts ?? {})];
  const pool = disks
    .map(({ volume }) => readVolume(volume).storage)
    .find((name) =>
      storages.some((one) => one.storage === name && one.node === actual.node && one.type === 'zfspool'),
    );
  if (!found || pool === undefined) return undefined;
  const later = snapshots.filter(({ takenAt = 0 }) => takenAt > (found.takenAt ?? 0)).map(({ name }) => name);
  return later.length === 0
    ? undefined
    : `${pool} (ZFS) goes back only to the newest snapshot, and ${nameSome(later)} came after ${snapshot}`;
}

/** A baseline of another source would bring the content of the last term back. */
function otherSource({ desired, snapshot, snapshots }: ResetCase): string | undefined {
  const { from } = desired ?? {};
  const notes = snapshots.find(({ name }) => name === snapshot)?.description ?? '';
  const origin = baselineOrigin(notes);
  if (!from || !('clone' in from) || origin === undefined || origin === from.clone) return undefined;
  return `its baseline was made from ${origin}, and the file says ${from.clone} now`;
}

function fileDiffers({ desired, baseline }: ResetCase): string | undefined {
  if (!desired || !baseline) return undefined;
  const views = { live: baseline, next: baseline };
  const moved = volumeMoves(desired, views).map(({ field }) => field);
  const { config } = adopt(desired, views);
  const fixed = diff(baseline, config, { live: baseline, isStopped: true })
    .filter(({ change }) => change.effect === 'recreate')
    .map(({ change }) => change.field);
  const fields = [...moved, ...fixed];
  return fields.length === 0 ? undefined : `${nameSome(fields)} of its baseline is not as the file says`;
}

/** What stands against a rollback; the first one is told. */
const againstRollback: readonly Row[] = [noBaseline, notNewest, otherSource, fileDiffers];

function replicated({ actual, isReplicated }: ResetCase): string | undefined {
  return isReplicated ? `container ${actual.vmid} has a replication job, which would be lost` : undefined;
}

/** A volume of its own that the file only names goes with the container. */
function ownVolumes({ desired, actual }: ResetCase): string | undefined {
  const lost = Object.entries(desired?.mounts ?? {}).flatMap(([path, { source }]) => {
    const isVolume = source !== undefined && !source.startsWith('/');
    // access to a volume needs nothing more where it is the container's own
    return isVolume && volumeAccess(source, 'rootdir', actual.vmid) === undefined ? [path] : [];
  });
  return lost.length === 0
    ? undefined
    : `the volume of ${nameSome(lost)} is its own, and the file does not say how to make it again`;
}

/** What stands against destroying a container and making it again. */
const againstRemake: readonly Row[] = [
  ({ desired }) => (desired ? undefined : 'only a fleet file tells how to make it again'),
  ({ actual }) =>
    actual.live.protection || actual.next.protection
      ? `container ${actual.vmid} is protected against destruction`
      : undefined,
  replicated,
  ownVolumes,
];

const firstOf = (rows: readonly Row[], subject: ResetCase): string | undefined => {
  for (const row of rows) {
    const why = row(subject);
    if (why !== undefined) return why;
  }
  return undefined;
};

/** What stands against any reset. */
function neverReset({ desired, actual }: ResetCase): RefusalText | undefined {
  const { vmid } = actual;
  if (actual.isTemplate)
    return {
      code: 'CONTAINER_IS_TEMPLATE',
      message: `container ${vmid} is a template, which never changes`,
      hint: 'reset the containers that were cloned from it',
    };
  const isProtected = actual.live.protection || actual.next.protection;
  if (isProtected && desired?.options.protection !== true)
    return {
      code: 'CONTAINER_PROTECTED',
      message: `container ${vmid} is protected although its file does not say so: somebody wants to keep what is in it`,
      hint: 'switch its protection off, or leave it out with --exclude',
    };
  return undefined;
}

/** How a container is made that is made anew. */
export const remakeOf = ({ from }: Pick<DesiredContainer, 'from'>): Exclude<ResetStrategy, 'rollback'> =>
  from && 'clone' in from ? 'reclone' : 'rebuild';

function rollbackWhy({ snapshot, snapshots }: ResetCase): string {
  const found = snapshots.find(({ name }) => name === snapshot);
  return found?.takenAt === undefined ? snapshot : `${snapshot} of ${dateOf(found.takenAt)}`;
}

const impossible = (strategy: ResetStrategy, why: string, hint: string): RefusalText => ({
  code: 'RESET_IMPOSSIBLE',
  message: `it cannot be reset by ${strategy}: ${why}`,
  hint,
});

/**
 * Chooses how a container is reset.
 *
 * @param subject - the container, the file, and what the server can do.
 * @returns the strategy and why; or what stands against every one that is allowed.
 */
export function chooseStrategy(subject: ResetCase): Choice | RefusalText {
  const never = neverReset(subject);
  if (never) return never;
  const { wanted, desired, snapshot } = subject;
  const remake = desired ? remakeOf(desired) : 'rebuild';
  const noRollback = firstOf(againstRollback, subject);
  const noRemake = firstOf(againstRemake, subject);
  if (wanted === 'rollback' || (wanted === 'auto' && noRollback === undefined))
    return noRollback === undefined
      ? { strategy: 'rollback', why: rollbackWhy(subject) }
      : impossible(
          'rollback',
          noRollback,
          desired ? 'write strategy: auto, or give --strategy auto' : 'give its fleet file with -f',
        );
  if (wanted !== 'auto' && wanted !== remake)
    return impossible(
      wanted,
      wanted === 'reclone'
        ? 'the file does not make it from another container'
        : 'the file makes it from another container',
      `write strategy: ${remake}, or auto`,
    );
  if (noRemake !== undefined)
    return wanted === 'auto'
      ? {
          code: 'RESET_IMPOSSIBLE',
          message: `it cannot be reset: no rollback, because ${noRollback}; no ${remake}, because ${noRemake}`,
          hint: `remove what stands against one of them, or take a snapshot ${snapshot} of a good state`,
        }
      : impossible(wanted, noRemake, 'remove what stands against it, or leave it out with --exclude');
  return { strategy: remake, why: wanted === 'auto' ? (noRollback as string) : `the strategy is ${wanted}` };
}

/** The policy of a container; what the command line says counts more. */
export function policyFor(
  desired: DesiredContainer | undefined,
  asked: { readonly strategy?: ResetStrategy | 'auto'; readonly snapshot?: string },
): { readonly wanted: ResetStrategy | 'auto'; readonly snapshot: string } {
  const { strategy, snapshot } = desired?.reset ?? defaultReset;
  return { wanted: asked.strategy ?? strategy, snapshot: asked.snapshot ?? snapshot };
}
