/** `doctor -f FILE`: can this fleet be built here, with these rights. Judges what was read; pure but for its inputs. */
import type { ClusterSnapshot, StorageInfo } from '../domain/actual.ts';
import type { DesiredContainer, DesiredFleet } from '../domain/desired.ts';
import type { Plan } from '../domain/plan.ts';
import { humanSize, MiB } from '../util/bytes.ts';
import type { DoctorCheck } from './doctor.ts';
import type { NodeFacts } from './doctor-cluster.ts';
import {
  grantCommands,
  missingPrivileges,
  neededPrivileges,
  type PermissionTree,
  rootOnlySettings,
} from './privileges.ts';

/** Everything the fleet is judged by. */
export interface FleetFacts {
  readonly fleet: DesiredFleet;
  readonly plan: Plan;
  readonly snapshot: ClusterSnapshot;
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** Absent: could not be read. */
  readonly permissions?: PermissionTree;
  readonly identity?: string;
}

/** Findings, and the commands that mend them. */
export interface FleetFindings {
  readonly checks: readonly DoctorCheck[];
  readonly commands: readonly string[];
}

function created({ fleet, plan }: FleetFacts): DesiredContainer[] {
  const keys = new Set(
    plan.actions.filter(({ kind }) => kind === 'container.create').map(({ target }) => target.key),
  );
  return fleet.containers.filter(({ key }) => keys.has(key));
}

function checkPlan({ plan }: FleetFacts): DoctorCheck[] {
  const { create, update, destroy, unchanged } = plan.summary;
  if (plan.refusals.length === 0) {
    const message = `${create} to create, ${update} to change, ${destroy} to destroy, ${unchanged} unchanged`;
    return [{ name: 'plan', status: 'ok', message }];
  }
  return plan.refusals.map(({ key, message, hint, needs }): DoctorCheck => {
    const permission = needs === undefined ? undefined : `allow it with --allow ${needs}`;
    const text = hint ?? permission;
    return {
      name: `plan ${key}`,
      status: needs === undefined ? 'fail' : 'warn',
      message,
      ...(text === undefined ? {} : { hint: text }),
    };
  });
}

function checkBridges({ fleet, nodes }: FleetFacts): DoctorCheck[] {
  const absent = new Map<string, string[]>();
  for (const { key, node, nets } of fleet.containers) {
    const known = nodes.get(node);
    if (!known || known.bridges.length === 0) continue;
    for (const { bridge } of Object.values(nets ?? {})) {
      if (known.bridges.includes(bridge)) continue;
      const place = `${bridge} on ${node}`;
      absent.set(place, [...new Set([...(absent.get(place) ?? []), key])]);
    }
  }
  if (absent.size === 0) return [{ name: 'fleet bridges', status: 'ok', message: 'all there' }];
  // PVE: nothing checks the bridge when a container is made; its start fails
  return [...absent].map(([place, keys]) => ({
    name: 'fleet bridges',
    status: 'fail',
    message: `there is no bridge ${place}, which ${keys.join(', ')} need`,
    hint: 'make the bridge, or correct it in the fleet file; containers would be made but not start',
  }));
}

interface Demand {
  readonly storage: StorageInfo;
  bytes: number;
}

function checkSpace(facts: FleetFacts): DoctorCheck[] {
  const demands = new Map<string, Demand>();
  for (const { node, rootfs, mounts } of created(facts)) {
    for (const { storage: name, sizeBytes = 0 } of [rootfs, ...Object.values(mounts ?? {})]) {
      const storage = facts.snapshot.storages.find((one) => one.node === node && one.storage === name);
      if (!storage) continue;
      const key = storage.shared ? storage.storage : `${storage.storage} on ${node}`;
      const demand = demands.get(key) ?? { storage, bytes: 0 };
      demand.bytes += sizeBytes;
      demands.set(key, demand);
    }
  }
  return [...demands].flatMap(([place, { storage, bytes }]): DoctorCheck[] => {
    if (storage.totalBytes === undefined || bytes === 0) return [];
    const free = storage.totalBytes - (storage.usedBytes ?? 0);
    const message = `${humanSize(bytes)} of new volumes on ${place}, ${humanSize(free)} free`;
    if (bytes <= free) return [{ name: 'fleet space', status: 'ok', message }];
    const hint =
      'thin or sparse volumes may still fit until they are filled; free space or choose another storage';
    return [{ name: 'fleet space', status: 'warn', message, hint }];
  });
}

function checkMemory(facts: FleetFacts): DoctorCheck[] {
  const demand = new Map<string, number>();
  for (const { node, compute, power } of created(facts)) {
    if (power === 'running') demand.set(node, (demand.get(node) ?? 0) + (compute.memoryMiB ?? 512) * MiB);
  }
  return [...demand].flatMap(([node, bytes]): DoctorCheck[] => {
    const info = facts.snapshot.nodes.find((one) => one.node === node);
    if (info?.maxMemoryBytes === undefined || info.memoryBytes === undefined) return [];
    const free = info.maxMemoryBytes - info.memoryBytes;
    const message = `${humanSize(bytes)} for new containers on ${node}, ${humanSize(free)} free`;
    if (bytes <= free) return [{ name: 'fleet memory', status: 'ok', message }];
    const hint =
      'limits may be overcommitted, but not be used up all at once; lower them or spread the fleet';
    return [{ name: 'fleet memory', status: 'warn', message, hint }];
  });
}

function checkPrivileges(facts: FleetFacts): FleetFindings {
  const { fleet, plan, permissions, identity } = facts;
  const isRoot = identity === 'root@pam';
  const rootOnly = isRoot ? [] : rootOnlySettings(fleet);
  const checks: DoctorCheck[] = rootOnly.map((setting) => ({
    name: 'fleet rights',
    status: 'fail',
    message: `${setting} can be set by root@pam with a password only, by no token and no other account`,
    hint: 'log in as root@pam (PVEFLEET_USERNAME, PVEFLEET_PASSWORD), or leave the setting out',
  }));
  if (isRoot || !permissions) return { checks, commands: [] };
  const missing = missingPrivileges(neededPrivileges(fleet, plan), permissions);
  if (missing.length === 0) {
    const message = 'all privileges that this fleet needs are there';
    return { checks: [...checks, { name: 'fleet rights', status: 'ok', message }], commands: [] };
  }
  const lacks = missing.map(
    ({ path, missing: names }): DoctorCheck => ({
      name: 'fleet rights',
      status: 'fail',
      message: `${names.join(', ')} on ${path} is missing`,
      hint: 'grant it with the commands below',
    }),
  );
  return {
    checks: [...checks, ...lacks],
    commands: grantCommands(missing, identity ?? 'USER@REALM!TOKEN', permissions),
  };
}

/**
 * Judges a fleet.
 *
 * @param facts - file, plan, cluster and rights.
 * @returns findings and commands.
 */
export function judgeFleet(facts: FleetFacts): FleetFindings {
  const rights = checkPrivileges(facts);
  return {
    checks: [
      ...checkPlan(facts),
      ...checkBridges(facts),
      ...checkSpace(facts),
      ...checkMemory(facts),
      ...rights.checks,
    ],
    commands: rights.commands,
  };
}
