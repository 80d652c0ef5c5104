/** How dangerous an action is, and how much may be destroyed at once. */
import type { ActionKind, Policy, Refusal, Risk } from './plan.ts';
import { refusal } from './refusal.ts';

const risks: Readonly<Record<ActionKind, Risk>> = {
  // accounts: where it depends on what is changed, domain/lab says more
  'role.create': 'safe',
  'role.update': 'safe',
  'role.delete': 'destructive',
  'user.create': 'safe',
  'user.update': 'safe',
  'user.password': 'disruptive',
  'user.delete': 'destructive',
  'pool.create': 'safe',
  'pool.update': 'safe',
  'pool.remove-member': 'disruptive',
  'pool.delete': 'destructive',
  'acl.grant': 'safe',
  'acl.revoke': 'disruptive',
  'template.download': 'safe',
  'template.upload': 'safe',
  'template.delete': 'destructive',
  'container.create': 'safe',
  'container.configure': 'safe',
  'container.resize-disk': 'safe',
  'container.start': 'safe',
  'container.shutdown': 'disruptive',
  'container.stop': 'disruptive',
  'container.reboot': 'disruptive',
  'container.destroy': 'destructive',
  'container.clone': 'safe',
  'container.restore': 'safe',
  'container.template': 'disruptive',
  'container.migrate': 'disruptive',
  'container.move-volume': 'safe',
  'container.provision': 'safe',
  'container.ready': 'safe',
  'snapshot.create': 'safe',
  'snapshot.rollback': 'destructive',
  'snapshot.delete': 'destructive',
  'ha.add': 'safe',
  'ha.update': 'safe',
  'ha.remove': 'safe',
  'firewall.options': 'safe',
  'firewall.rule': 'safe',
  'access.acl': 'safe',
};

/** Risk of an action by its kind. */
export const riskOfKind = (kind: ActionKind): Risk => risks[kind];

/**
 * Refuses a plan that destroys more than allowed. Recreations count; what is refused anyway does not.
 *
 * @param fleet - name for the message.
 * @param doomed - keys of the containers whose destruction is permitted as such.
 * @param policy - what the user allows.
 * @returns one refusal, or undefined.
 */
export function tooManyDestroyed(
  fleet: string,
  doomed: readonly string[],
  policy: Policy,
): Refusal | undefined {
  if (doomed.length <= policy.maxDestroy) return undefined;
  return refusal(
    { key: fleet },
    {
      needs: 'max-destroy',
      code: 'TOO_MANY_DESTROYED',
      message: `the plan destroys ${doomed.length} of its containers (${doomed.join(', ')}), and at most ${policy.maxDestroy} are allowed`,
      hint: `if that is what you want: --max-destroy ${doomed.length}`,
    },
  );
}
