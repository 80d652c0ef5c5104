/** `doctor -f FILE`: can this fleet be built here, with these rights. Judges what was read; pure but for its inputs. */
import type { ClusterSnapshot } from '../domain/actual.ts';
import { templateStorages } from '../domain/appliance.ts';
import { type Demand, demandsOf, judgeCapacity } from '../domain/capacity.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import { grantCommands, isRoot, judgeRights, type MissingRights } from '../domain/judge-rights.ts';
import type { PermissionTree } from '../domain/permission-tree.ts';
import { placeFleet } from '../domain/placement.ts';
import type { Plan, Policy } from '../domain/plan.ts';
import { planFleet } from '../domain/plan-fleet.ts';
import { rightsOf } from '../domain/rights.ts';
import { humanSize } from '../util/bytes.ts';
import type { DoctorCheck } from './doctor.ts';
import type { NodeFacts } from './doctor-cluster.ts';
import { judgePlan, withRoles } from './preflight.ts';

/** Everything the fleet is judged by. */
export interface FleetFacts {
  readonly fleet: DesiredFleet;
  readonly plan: Plan;
  /** What the plan was made with. */
  readonly policy: Policy;
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

function checkPlan({ plan }: FleetFacts): DoctorCheck[] {
  const { create, update, destroy, unchanged } = plan.summary;
  // capacity has checks of its own
  const others = plan.refusals.filter(({ code }) => code !== 'CAPACITY');
  if (others.length === 0) {
    const message = `${create} to create, ${update} to change, ${destroy} to destroy, ${unchanged} unchanged`;
    return [{ name: 'plan', status: 'ok', message }];
  }
  return others.map(({ key, message, hint, needs }): DoctorCheck => {
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

function checkBridges({ fleet, nodes, snapshot }: FleetFacts): DoctorCheck[] {
  const absent = new Map<string, string[]>();
  for (const { key, node, nets } of placeFleet(fleet, snapshot).fleet.containers) {
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

const verdicts: Readonly<Record<Demand['verdict'], DoctorCheck['status']>> = {
  fits: 'ok',
  warning: 'warn',
  refused: 'fail',
};

/** The same numbers and words as in the plan. */
function checkCapacity({ fleet, plan, snapshot }: FleetFacts): DoctorCheck[] {
  return demandsOf(plan.actions, snapshot, fleet.capacity).map((demand): DoctorCheck => {
    const name = demand.kind === 'memory' ? 'fleet memory' : 'fleet space';
    const { refusals, notices } = judgeCapacity(fleet.name, [demand]);
    const [problem] = [...refusals, ...notices];
    const { place, wantedBytes, freeBytes } = demand;
    const what = demand.kind === 'memory' ? 'for containers' : 'of new volumes';
    const fits = `${humanSize(wantedBytes)} ${what} on ${place}, ${humanSize(freeBytes)} left`;
    return {
      name,
      status: verdicts[demand.verdict],
      message: problem?.message ?? fits,
      ...(problem?.hint === undefined ? {} : { hint: problem.hint }),
    };
  });
}

/** What it would take to make the whole fleet anew: more than what is to be done now. */
function creationOf({ fleet, snapshot, policy }: FleetFacts): Plan {
  const placed = placeFleet(fleet, snapshot).fleet;
  // archives were looked for only where one is needed now; which one it is does not matter to the rights
  const containers = placed.containers.map((desired) => {
    const storage = desired.templateStorage ?? templateStorages(desired.node, snapshot.storages)[0]?.storage;
    return { ...desired, template: `${storage ?? 'local'}:vztmpl/any.tar.zst` };
  });
  const { access } = snapshot;
  const roles = access?.roles.filter(({ isBuiltIn }) => isBuiltIn) ?? [];
  const empty = {
    ...snapshot,
    guests: [],
    containers: new Map<number, never>(),
    ...(access ? { access: { ...access, roles, users: [], pools: [], acls: [] } } : {}),
  };
  return planFleet({ ...placed, containers }, empty, policy);
}

const withoutContainers = { containers: new Map<number, never>() };

function checkPrivileges(given: FleetFacts): FleetFindings {
  const { plan, snapshot, permissions, identity } = given;
  if (isRoot(identity) || !permissions) return { checks: [], commands: [] };
  const account = { tree: permissions, ...(identity === undefined ? {} : { identity }) };
  const facts = withRoles(snapshot);
  const now = judgePlan(plan, facts, account);
  const checks = now.map(
    ({ key, code, message, hint = '' }): DoctorCheck => ({
      name: code === 'ROOT_ONLY' ? `fleet rights ${key}` : 'fleet rights',
      status: 'fail',
      message,
      hint: code === 'ROOT_ONLY' ? hint : 'grant it with the commands below',
    }),
  );
  const all = judgeRights(
    [
      ...rightsOf(plan.actions, facts),
      ...rightsOf(creationOf(given).actions, {
        ...withoutContainers,
        ...(facts.roles ? { roles: facts.roles } : {}),
      }),
    ],
    account,
  );
  const lackingNow = new Set(judgeRights(rightsOf(plan.actions, facts), account).missing.map(placeOf));
  const later = all.missing
    .filter((one) => !lackingNow.has(placeOf(one)))
    .map(
      ({ privileges, grantAt }): DoctorCheck => ({
        name: 'fleet rights',
        status: 'warn',
        message: `${privileges.join(', ')} on ${grantAt} is missing, which making this fleet anew would need`,
        hint: 'grant it with the commands below',
      }),
    );
  if (checks.length + later.length > 0)
    return { checks: [...checks, ...later], commands: grantCommands(all.missing, account) };
  const message = 'all privileges that this fleet needs are there';
  return { checks: [{ name: 'fleet rights', status: 'ok', message }], commands: [] };
}

const placeOf = ({ grantAt, role }: MissingRights): string => `${role} ${grantAt}`;

/**
 * Judges a fleet.
 *
 * @param facts - file, plan, cluster and rights.
 * @returns findings and commands.
 */
export function judgeFleet(facts: FleetFacts): FleetFindings {
  const rights = checkPrivileges(facts);
  return {
    checks: [...checkPlan(facts), ...checkBridges(facts), ...checkCapacity(facts), ...rights.checks],
    commands: rights.commands,
  };
}
