/** `doctor`: can we work with this cluster, and with a fleet file: can this fleet be built here. Reads only. */
import type { DesiredFleet } from '../domain/desired.ts';
import type { PermissionTree } from '../domain/permission-tree.ts';
import type { Policy } from '../domain/plan.ts';
import { planFleet } from '../domain/plan-fleet.ts';
import { isPvefleetError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import {
  checkEachNode,
  checkNodes,
  checkQuorum,
  checkRights,
  checkVersion,
  type NodeFacts,
  readNodes,
} from './doctor-cluster.ts';
import { judgeFleet } from './doctor-fleet.ts';
import { describeFailure } from './failures.ts';
import { withLocalTrees } from './local-tree.ts';
import { observe } from './observe.ts';
import { readPermissions } from './preflight.ts';

/** One finding. */
export interface DoctorCheck {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly hint?: string;
}

/** The document `pvefleet.doctor/1`. */
export interface DoctorDocument {
  readonly format: 'pvefleet.doctor/1';
  readonly url: string;
  /** No check failed. */
  readonly healthy: boolean;
  readonly checks: readonly DoctorCheck[];
  /** Commands that grant what is missing, for a root shell on a node. */
  readonly commands: readonly string[];
}

/** Options of {@link diagnose}. */
export interface DoctorOptions {
  readonly fleet?: DesiredFleet;
  /** `user@realm` or `user@realm!token`, for the `pveum` commands; default: `identity` of the context. */
  readonly identity?: string;
}

/** Nothing is allowed here, and nothing is to be removed: only what the fleet itself needs is of interest. */
const lookOnly: Policy = {
  allow: { destroy: false, recreate: false, restart: true },
  maxDestroy: 0,
  prune: false,
  target: [],
  exclude: [],
};

/** A check that cannot be made is a finding; only an interruption ends the whole. */
async function guarded<T>(
  context: EngineContext,
  name: string,
  work: () => Promise<T>,
): Promise<{ value: T } | { check: DoctorCheck }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (context.signal.aborted || !isPvefleetError(error)) throw error;
    const { code, message, hint } = describeFailure(error);
    const status = code === 'PVE_PERMISSION' ? 'warn' : 'fail';
    return { check: { name, status, message, ...(hint === undefined ? {} : { hint }) } };
  }
}

async function diagnoseFleet(
  context: EngineContext,
  file: DesiredFleet,
  facts: {
    readonly nodes: ReadonlyMap<string, NodeFacts>;
    readonly permissions: PermissionTree | undefined;
    readonly identity: string | undefined;
  },
): Promise<Pick<DoctorDocument, 'checks' | 'commands'>> {
  const { nodes, permissions, identity } = facts;
  const result = await guarded(context, 'plan', async () => {
    const fleet = await withLocalTrees(file);
    const snapshot = await observe(context, { fleet });
    const plan = planFleet(fleet, snapshot, lookOnly);
    return judgeFleet({
      fleet,
      plan,
      policy: lookOnly,
      snapshot,
      nodes,
      ...(permissions === undefined ? {} : { permissions }),
      ...(identity === undefined ? {} : { identity }),
    });
  });
  return 'value' in result ? result.value : { checks: [result.check], commands: [] };
}

/**
 * Looks at everything.
 *
 * @param context - client, clock, limits, events.
 * @param options.fleet - adds what this fleet needs: plan, bridges, space, memory, rights.
 * @returns findings; a check that cannot be made is one, never an exception.
 */
export async function diagnose(context: EngineContext, options: DoctorOptions = {}): Promise<DoctorDocument> {
  const identity = options.identity ?? context.identity;
  const guard = async (name: string, check: () => Promise<DoctorCheck>): Promise<DoctorCheck> => {
    const result = await guarded(context, name, check);
    return 'value' in result ? result.value : result.check;
  };
  const document = (checks: readonly DoctorCheck[], commands: readonly string[] = []): DoctorDocument => ({
    format: 'pvefleet.doctor/1',
    url: context.pve.url,
    healthy: checks.every((check) => check.status !== 'fail'),
    checks,
    commands,
  });
  const connection = await guard('connection', () => checkVersion(context));
  if (connection.status === 'fail') return document([connection]);

  const [rights, quorum, found] = await Promise.all([
    guarded(context, 'rights', () => readPermissions(context)),
    guard('quorum', () => checkQuorum(context)),
    guarded(context, 'nodes', () => readNodes(context)),
  ]);
  const permissions = 'value' in rights ? rights.value : undefined;
  const nodes = 'value' in found ? found.value : [];
  const perNode = await checkEachNode(context, nodes, guard);
  const checks = [
    connection,
    'value' in rights ? checkRights(rights.value, identity) : rights.check,
    quorum,
    'value' in found ? checkNodes(found.value) : found.check,
    ...perNode.checks,
  ];
  if (!options.fleet) return document(checks);
  const fleet = await diagnoseFleet(context, options.fleet, { nodes: perNode.facts, permissions, identity });
  return document([...checks, ...fleet.checks], fleet.commands);
}
