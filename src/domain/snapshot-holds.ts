/**
 * What the snapshots of a container stand in the way of: a migration of local volumes, and turning it into a template.
 * Those that are there already, and the one that `--snapshot-first` would take. Pure.
 */
import type { ActualContainer, StorageInfo } from './actual.ts';
import type { ContainerKey } from './desired.ts';
import { nameSome } from './drift.ts';
import type { Action, Refusal } from './plan.ts';
import { type RefusalText, refusal } from './refusal.ts';
import { plainPath, readVolume } from './spelling.ts';

/** Storages that send the snapshots of a volume along. PVE: pve-container LXC/Migrate.pm, phase1. */
const sending: ReadonlySet<string> = new Set(['zfspool', 'btrfs']);

/** Pairs of `target-storage`: where the migration takes volumes that do not keep their storage. */
function goalsOf({ request }: Action): ReadonlyMap<string, string> {
  const pairs = String(request.params['target-storage'] ?? '').split(',');
  return new Map(pairs.map((pair) => pair.split(':', 2) as [string, string]));
}

/** Volumes that cannot leave their node together with a snapshot; storages that are not known do not count. */
function heldVolumes(
  { next, node }: ActualContainer,
  migration: Action,
  storages: readonly StorageInfo[],
): string[] {
  const goals = goalsOf(migration);
  const typeOf = (name: string | undefined): string | undefined =>
    storages.find(({ storage }) => storage === name)?.type;
  const disks = [
    ...(next.rootfs ? [{ name: 'its root disk', volume: next.rootfs.volume }] : []),
    ...Object.values(next.mounts).map(({ mp, volume }) => ({ name: plainPath(mp), volume })),
  ];
  return disks.flatMap(({ name, volume }) => {
    const { storage } = readVolume(volume);
    const info = storages.find((one) => one.storage === storage && one.node === node);
    if (!info || info.shared) return [];
    const goal = typeOf(goals.get(info.storage)) ?? info.type;
    return sending.has(info.type) && goal === info.type ? [] : [`${name} (${info.storage} is ${info.type})`];
  });
}

/** PVE: the present state of a container that has snapshots has a parent. */
const hasSnapshots = ({ live }: ActualContainer): boolean => live.other['parent'] !== undefined;

const hints = {
  first: 'leave --snapshot-first out for it (--exclude), or make a backup first',
  there: (vmid: number): string => `delete them first: pvefleet snapshot delete ${vmid}`,
};

/**
 * Tells what snapshots keep a container from.
 *
 * @param key - the container of the file.
 * @param actual - what it stands for.
 * @param actions - what is planned for it.
 * @param facts.storages - of the cluster.
 * @param facts.isFirst - a snapshot is to be taken before all of it.
 * @returns refusals; none when all of it can be done.
 */
export function snapshotRefusals(
  key: ContainerKey,
  actual: ActualContainer,
  actions: readonly Action[],
  { storages, isFirst }: { readonly storages: readonly StorageInfo[]; readonly isFirst: boolean },
): Refusal[] {
  const { vmid } = actual;
  if (!isFirst && !hasSnapshots(actual)) return [];
  const refusals: Refusal[] = [];
  const refuse = (text: RefusalText): void => {
    refusals.push(refusal({ key, vmid }, text));
  };
  const which = isFirst ? 'a snapshot' : 'its snapshots';
  const hint = isFirst ? hints.first : hints.there(vmid);
  const migration = actions.find(({ kind }) => kind === 'container.migrate');
  const held = migration ? heldVolumes(actual, migration, storages) : [];
  if (migration && held.length > 0)
    refuse({
      code: 'SNAPSHOT_HOLDS',
      message: `${which} would keep container ${vmid} on ${actual.node}: ${nameSome(held)} cannot take ${isFirst ? 'it' : 'them'} along`,
      hint,
      changes: migration.changes,
    });
  const conversion = actions.find(({ kind }) => kind === 'container.template');
  if (conversion)
    refuse({
      code: 'SNAPSHOT_HOLDS',
      message: `${which} would keep container ${vmid} from becoming a template`,
      hint,
      changes: conversion.changes,
    });
  return refusals;
}
