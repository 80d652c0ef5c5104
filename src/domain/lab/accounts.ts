/**
 * Users, pools, roles and rights of a fleet's students: roster + cluster → requests. Pure. Only what carries the fleet's
 * mark (a word in the comment of users and pools) is changed or removed; rights are those on its own pools and containers.
 */
import type { DesiredFleet } from '../desired.ts';
import { refusal } from '../refusal.ts';
import type { AccountPlan, ActualAccess, OwnContainer } from './access.ts';
import { planPools } from './account-pools.ts';
import { noAccounts, planRights } from './account-rights.ts';
import { planUsers } from './account-users.ts';

/**
 * Plans the accounts of a fleet.
 *
 * @param fleet - the file; without accounts everything that the fleet owns is removed.
 * @param actual - what there is.
 * @param containers - those that the fleet owns and those that it is about to have. Rights on single containers
 *   (`pool: null`) need their vmids, so plan anew when they have been created.
 * @returns changes in an order in which they can be carried out: phase `before`, then the containers, then `after`.
 */
export function planAccounts(
  fleet: Pick<DesiredFleet, 'name' | 'accounts' | 'students'>,
  actual: ActualAccess,
  containers: readonly OwnContainer[],
): AccountPlan {
  const { name, accounts } = fleet;
  const students = accounts ? (fleet.students ?? []) : [];
  const own = new Map(containers.map((container) => [container.vmid, container]));
  const users = planUsers(name, accounts, students, actual.users);
  const pools = planPools({
    fleet: name,
    students,
    mayUseOthers: accounts?.create === false,
    pools: actual.pools,
    own,
  });
  const gone = new Set([
    ...users.removed.map(({ target }) => target),
    ...pools.removed.filter(({ kind }) => kind === 'pool.delete').map(({ target }) => `/pool/${target}`),
  ]);
  const rights = planRights({ fleet: name, students, actual, own, ...(accounts ? { accounts } : {}) }, gone);
  const realm =
    accounts && actual.realms && !actual.realms.includes(accounts.realm)
      ? [
          refusal(
            { key: name },
            {
              code: 'REALM_UNKNOWN',
              message: `there is no realm ${accounts.realm}`,
              hint: `there are ${actual.realms.join(', ')}`,
            },
          ),
        ]
      : [];
  const removed = [...users.removed, ...pools.removed];
  return {
    changes: [
      ...rights.role,
      ...pools.created,
      ...users.created,
      ...rights.revoked,
      ...rights.granted,
      ...(accounts ? removed : removed.map((change) => ({ ...change, reason: noAccounts }))),
    ],
    refusals: [...realm, ...rights.refusals, ...pools.refusals, ...users.refusals],
    notices: [...pools.notices],
  };
}
