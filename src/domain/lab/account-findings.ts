/** Accounts that are not as the file says, as findings of a verification. Pure. */
import type { Finding } from '../converge.ts';
import type { DesiredFleet } from '../desired.ts';
import type { AccountKind } from '../plan.ts';
import type { ActualAccess, OwnContainer } from './access.ts';
import { planAccounts } from './accounts.ts';

const states: Readonly<Partial<Record<AccountKind, Finding['state']>>> = {
  'role.create': 'missing',
  'user.create': 'missing',
  'pool.create': 'missing',
  'acl.grant': 'missing',
  'role.delete': 'unexpected',
  'user.delete': 'unexpected',
  'pool.delete': 'unexpected',
  'acl.revoke': 'unexpected',
};

/** Whether a finding is about an account, and not about a container. */
export const isAccountFinding = ({ field }: Pick<Finding, 'field'>): boolean =>
  /^(?:account$|(?:role|user|pool|acl) )/.test(field);

/**
 * Compares accounts with the file.
 *
 * @param fleet - the file; it has accounts.
 * @param access - what there is.
 * @param own - containers of the fleet that there are.
 * @returns what is not as the file says, in the order in which an apply would change it.
 */
export function accountFindings(
  fleet: DesiredFleet,
  access: ActualAccess,
  own: readonly OwnContainer[],
): Finding[] {
  const { changes, refusals } = planAccounts(fleet, access, own);
  const findings = changes
    .filter(({ kind }) => kind !== 'pool.remove-member') // its pool is told already
    .flatMap(({ kind, student, target, changes: fields, request }): Finding[] => {
      const what = kind.split('.')[0];
      const about = { key: student ?? fleet.name, field: `${what} ${target}` };
      const state = states[kind];
      if (kind === 'acl.grant' || kind === 'acl.revoke') {
        const right = `${String(request.params['roles'])} for ${String(request.params['users'])}`;
        const isThere = kind === 'acl.revoke';
        return [
          {
            ...about,
            state: isThere ? 'unexpected' : 'missing',
            expected: isThere ? null : right,
            actual: isThere ? right : null,
          },
        ];
      }
      if (state !== undefined)
        return [
          {
            ...about,
            state,
            expected: state === 'missing' ? target : null,
            actual: state === 'missing' ? null : target,
          },
        ];
      return fields.map(({ field, from, to }) => ({
        ...about,
        field: `${about.field} ${field}`,
        state: 'diverged',
        expected: to,
        actual: from,
      }));
    });
  const refused = refusals.map(
    ({ key, message }): Finding => ({
      key,
      field: 'account',
      state: 'unowned',
      expected: key,
      actual: message,
    }),
  );
  return [...findings, ...refused];
}
