/** Flags → what a plan may do. */
import type { ActionKind, Plan, Policy, Refusal } from '../domain/plan.ts';
import type { Options } from './options.ts';

/**
 * Builds the policy of a command.
 *
 * @param options - flags.
 * @param prune - whether owned containers that are not in the file are removed.
 * @returns the policy; `--allow destroy` without `--max-destroy` sets no limit.
 */
export function policyOf(options: Options, prune: boolean): Policy {
  const allow = new Set(options.allow);
  return {
    allow: {
      destroy: allow.has('destroy'),
      recreate: allow.has('recreate'),
      restart: allow.has('restart'),
    },
    maxDestroy: options.maxDestroy ?? (allow.has('destroy') ? Number.POSITIVE_INFINITY : 0),
    prune,
    target: options.target ?? [],
    exclude: options.exclude ?? [],
    ...(options.snapshotFirst ? { snapshotFirst: true } : {}),
  };
}

/**
 * The same policy with destructions allowed, as after typing the name.
 *
 * @param policy - what the flags say.
 * @param options - flags; an explicit `--max-destroy` stays.
 * @returns the policy.
 */
export function allowDestroy(policy: Policy, options: Options): Policy {
  return {
    ...policy,
    allow: { ...policy.allow, destroy: true },
    maxDestroy: options.maxDestroy ?? Number.POSITIVE_INFINITY,
  };
}

/**
 * Tells whether typing a name on a terminal would lift all refusals of a plan.
 *
 * @param refusals - of the plan.
 * @param options - flags; an explicit `--max-destroy` is not lifted.
 * @returns false when there are none.
 */
export function liftableByTyping(refusals: readonly Refusal[], options: Options): boolean {
  return (
    refusals.length > 0 &&
    refusals.every(
      ({ needs }) => needs === 'destroy' || (needs === 'max-destroy' && options.maxDestroy === undefined),
    )
  );
}

/** Actions after which data is gone for good. */
const losing: ReadonlySet<ActionKind> = new Set([
  'container.destroy',
  'snapshot.rollback',
  'snapshot.delete',
  'user.delete',
]);

/**
 * Names the containers that a plan destroys.
 *
 * @param plan - the plan.
 * @returns keys, each once.
 */
export function destroyedBy(plan: Plan): string[] {
  const destructive = plan.actions.filter(({ kind, risk }) => losing.has(kind) && risk === 'destructive');
  return [...new Set(destructive.map((action) => action.target.key))];
}
