/** What must be as before after a reset, compared with what is. Pure. */
import { deepEqual } from '../../util/compare.ts';
import type { ActualContainer, ClusterSnapshot } from '../actual.ts';
import type { Finding, VerifyReport } from '../converge.ts';
import type { Vmid } from '../desired.ts';
import type { Plan } from '../plan.ts';
import { parentOf } from './baseline.ts';
import { showAcl } from './reset-acls.ts';
import type { AclEntry, Kept } from './reset-facts.ts';
import { missingAcls, netsOf } from './reset-kept.ts';

/** The snapshot that each container of a plan follows from in the end, by key. */
function baselinesOf({ actions }: Plan): Map<string, string> {
  const taken = actions.filter(({ kind }) => kind === 'snapshot.create' || kind === 'snapshot.rollback');
  return new Map(taken.map(({ target, request }) => [target.key, String(request.params['snapname'])]));
}

/**
 * Compares containers with what they were to keep.
 *
 * @param plan - that was carried out.
 * @param kept - of the plan.
 * @param snapshot - the cluster, observed anew.
 * @param acls - roles on containers, read anew.
 * @returns findings; a container that is not there is one for whoever compares it with the file.
 */
export function findUnkept(
  plan: Plan,
  kept: readonly Kept[],
  snapshot: ClusterSnapshot,
  acls: ReadonlyMap<Vmid, readonly AclEntry[]>,
): Finding[] {
  const baselines = baselinesOf(plan);
  return kept.flatMap((one) => {
    const actual = snapshot.containers.get(one.vmid);
    return actual ? unkeptOf(one, actual, acls.get(one.vmid) ?? [], baselines.get(one.key)) : [gone(one)];
  });
}

const gone = ({ key, vmid, node }: Kept): Finding => ({
  key,
  vmid,
  node,
  field: 'container',
  state: 'missing',
  expected: vmid,
  actual: null,
});

function unkeptOf(
  kept: Kept,
  actual: ActualContainer,
  acls: readonly AclEntry[],
  baseline: string | undefined,
): Finding[] {
  const { key, vmid } = kept;
  const { node } = actual;
  const differ = (field: string, expected: unknown, found: unknown): Finding[] =>
    deepEqual(expected, found)
      ? []
      : [{ key, vmid, node, field, state: 'diverged', expected, actual: found }];
  const nets = netsOf(actual.next);
  const lost = missingAcls(kept.acls, acls).map(showAcl);
  return [
    ...Object.entries(kept.nets).flatMap(([name, { mac }]) =>
      mac === undefined ? [] : differ(`nets.${name}.mac`, mac, nets[name]?.mac ?? null),
    ),
    ...(kept.pool === undefined ? [] : differ('pool', kept.pool, actual.pool ?? null)),
    ...(lost.length === 0 ? [] : differ('acl', lost, [])),
    ...(baseline === undefined ? [] : differ('baseline', baseline, parentOf(actual) ?? null)),
  ];
}

/**
 * Puts what was found into a report.
 *
 * @param report - of the whole fleet, or an empty one.
 * @param keys - the containers that were reset; what is said about others is left out.
 * @param findings - of {@link findUnkept}.
 * @returns the report of those containers, with its counts made anew.
 */
export function withFindings(
  report: VerifyReport,
  keys: ReadonlySet<string>,
  findings: readonly Finding[],
): VerifyReport {
  const known = new Set(report.findings.map(({ key, field }) => `${key} ${field}`));
  const more = findings.filter(({ key, field }) => !known.has(`${key} ${field}`));
  const all = [...report.findings.filter(({ key }) => keys.has(key)), ...more];
  const diverged = new Set(more.filter(({ state }) => state === 'diverged').map(({ key }) => key));
  const containers = report.containers
    .filter(({ key }) => keys.has(key))
    .map((one) =>
      diverged.has(one.key) && one.state !== 'missing' ? { ...one, state: 'diverged' as const } : one,
    );
  const count = (state: string): number => containers.filter((one) => one.state === state).length;
  return {
    ...report,
    containers,
    findings: all,
    converged: all.length === 0,
    summary: {
      applied: count('applied'),
      pending: count('pending'),
      diverged: count('diverged'),
      missing: count('missing'),
      unexpected: 0,
    },
  };
}
