/** Pools of students: created, marked, emptied and removed. A pool that somebody else made is never changed. */
import { naturalCompare } from '../../util/compare.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import type { DesiredStudent, Vmid } from '../desired.ts';
import type { Refusal } from '../plan.ts';
import { refusal } from '../refusal.ts';
import { type AccountChange, type ActualPool, type OwnContainer, readMark, writeMark } from './access.ts';

/** What the pools come to. */
export interface PoolPlan {
  readonly created: readonly AccountChange[];
  readonly removed: readonly AccountChange[];
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
}

/** What pools are planned from. */
export interface PoolRequest {
  readonly fleet: string;
  readonly students: readonly DesiredStudent[];
  /** A pool that is there already may be used, where nobody else is in it. */
  readonly mayUseOthers: boolean;
  readonly pools: readonly ActualPool[];
  readonly own: ReadonlyMap<Vmid, OwnContainer>;
}

const warning = (code: string, message: string): Diagnostic => ({ severity: 'warning', code, message });

/** `a/b/c` → `a`, `a/b`. */
function parentsOf(poolid: string): string[] {
  const parts = poolid.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Id of the change that creates a pool. */
export const poolCreation = (poolid: string): string => `pool/${poolid}/create`;

function creation(fleet: string, poolid: string, student: string | undefined): AccountChange {
  const owner = student === undefined ? { fleet } : { fleet, student };
  return {
    id: poolCreation(poolid),
    kind: 'pool.create',
    target: poolid,
    ...(student === undefined ? {} : { student }),
    request: { method: 'POST', path: '/pools', params: { poolid, comment: writeMark(owner) } },
    changes: [],
    risk: 'safe',
    reason: 'not there yet',
    dependsOn: [],
    phase: 'before',
  };
}

function planExisting(
  { fleet, mayUseOthers, own }: PoolRequest,
  pool: ActualPool,
  student: DesiredStudent,
): Pick<PoolPlan, 'created' | 'refusals' | 'notices'> {
  const { poolid, comment } = pool;
  const { login } = student;
  const owner = readMark(comment);
  // a container of another student is about to be moved out of it
  const others = pool.vmids.filter((vmid) => !own.has(vmid));
  const refuse = (code: string, message: string, hint: string): ReturnType<typeof planExisting> => ({
    created: [],
    refusals: [refusal({ key: login }, { code, message, hint })],
    notices: [],
  });
  if (owner?.fleet !== fleet) {
    const whose = owner ? `belongs to the fleet ${owner.fleet}` : 'is not managed by pvefleet';
    if (!mayUseOthers || owner)
      return refuse(
        'POOL_FOREIGN',
        `the pool ${poolid} exists and ${whose}`,
        'write another pool under accounts, or remove that one first',
      );
    return others.length === 0
      ? { created: [], refusals: [], notices: [] }
      : refuse(
          'POOL_SHARED',
          `the pool ${poolid} has other members (${others.join(', ')}), which ${login} would see`,
          'write another pool under accounts',
        );
  }
  const notices =
    others.length === 0
      ? []
      : [
          warning(
            'POOL_MEMBERS',
            `${login} sees ${others.join(', ')} too, which somebody put into the pool ${poolid}`,
          ),
        ];
  if (owner.student === login) return { created: [], refusals: [], notices };
  const update: AccountChange = {
    id: `pool/${poolid}/update`,
    kind: 'pool.update',
    target: poolid,
    student: login,
    request: {
      method: 'PUT',
      path: '/pools',
      params: { poolid, comment: writeMark({ fleet, student: login }, comment) },
    },
    changes: [{ field: 'student', from: owner.student ?? null, to: login, effect: 'live' }],
    risk: 'safe',
    reason: 'student differs',
    dependsOn: [],
    phase: 'before',
  };
  return { created: [update], refusals: [], notices };
}

function planRemoval(request: PoolRequest, pool: ActualPool): Pick<PoolPlan, 'removed' | 'notices'> {
  const { own } = request;
  const { poolid, storages } = pool;
  const others = pool.vmids.filter((vmid) => !own.has(vmid)).map(String);
  const foreign = [...others, ...storages];
  if (foreign.length > 0)
    return {
      removed: [],
      notices: [
        warning('POOL_KEPT', `the pool ${poolid} is kept: ${foreign.join(', ')} in it is not of this fleet`),
      ],
    };
  const staying = pool.vmids.filter((vmid) => own.get(vmid)?.leaves === false).sort((a, b) => a - b);
  const student = readMark(pool.comment)?.student;
  const common = {
    target: poolid,
    ...(student === undefined ? {} : { student }),
    changes: [],
    phase: 'after',
    dependsOn: [],
  } as const;
  const emptied: AccountChange = {
    ...common,
    id: `pool/${poolid}/remove-member`,
    kind: 'pool.remove-member',
    request: { method: 'PUT', path: '/pools', params: { poolid, vms: staying.join(','), delete: true } },
    risk: 'disruptive',
    reason: 'the pool is removed',
  };
  const removed: AccountChange = {
    ...common,
    id: `pool/${poolid}/delete`,
    kind: 'pool.delete',
    request: { method: 'DELETE', path: '/pools', params: { poolid } },
    risk: 'destructive',
    reason: 'no student of the roster has it',
    dependsOn: staying.length > 0 ? [emptied.id] : [],
  };
  return { removed: staying.length > 0 ? [emptied, removed] : [removed], notices: [] };
}

/**
 * Plans the pools.
 *
 * @param request - students and pools.
 * @returns what to create before, and what to remove after the containers.
 */
export function planPools(request: PoolRequest): PoolPlan {
  const { fleet, students, pools } = request;
  const found = new Map(pools.map((pool) => [pool.poolid, pool]));
  const wanted = new Map(
    students.flatMap((student) =>
      student.account?.pool === undefined ? [] : [[student.account.pool, student]],
    ),
  ) as ReadonlyMap<string, DesiredStudent>;
  const parents = new Set([...wanted.keys()].flatMap(parentsOf));
  const created: AccountChange[] = [];
  const refusals: Refusal[] = [];
  const notices: Diagnostic[] = [];
  for (const poolid of [...parents, ...[...wanted.keys()].filter((one) => !parents.has(one))].sort(
    naturalCompare,
  )) {
    const pool = found.get(poolid);
    const student = wanted.get(poolid);
    if (!pool) {
      const above = parentsOf(poolid).filter((parent) => !found.has(parent));
      created.push({ ...creation(fleet, poolid, student?.login), dependsOn: above.map(poolCreation) });
    } else if (student) {
      const plan = planExisting(request, pool, student);
      created.push(...plan.created);
      refusals.push(...plan.refusals);
      notices.push(...plan.notices);
    }
  }
  const removed: AccountChange[] = [];
  const depth = ({ poolid }: ActualPool): number => poolid.split('/').length;
  const gone = pools
    .filter(({ poolid, comment }) => {
      const isWanted = wanted.has(poolid) || parents.has(poolid);
      return readMark(comment)?.fleet === fleet && !isWanted;
    })
    .sort((a, b) => depth(b) - depth(a) || naturalCompare(a.poolid, b.poolid));
  for (const pool of gone) {
    const plan = planRemoval(request, pool);
    const below = removed.filter(
      ({ kind, target }) => kind === 'pool.delete' && target.startsWith(`${pool.poolid}/`),
    );
    removed.push(
      ...plan.removed.map((change) => ({
        ...change,
        dependsOn: [...change.dependsOn, ...below.map(({ id }) => id)],
      })),
    );
    notices.push(...plan.notices);
  }
  return { created, removed, refusals, notices };
}
