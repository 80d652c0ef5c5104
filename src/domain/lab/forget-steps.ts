/**
 * The record of provisioning before a rollback: PVE keeps the description, so what the rollback undoes would count as run.
 * Pure.
 */
import { joinDescription, splitDescription } from '../../codec/description.ts';
import { configureAction, type Target } from '../actions.ts';
import type { ActualContainer } from '../actual.ts';
import type { Action, FieldChange } from '../plan.ts';

/**
 * Writes down, before a rollback, which steps are left after it. Nobody believes later that the others were run, whatever
 * comes in between; that a step is still there is seen inside.
 *
 * @param record - of the snapshot; undefined: it has none.
 * @param after - what comes before.
 * @returns no action where the line says so already, or there is none.
 */
export function forgetSteps(
  target: Target,
  { next, digest }: Pick<ActualContainer, 'next' | 'digest'>,
  record: string | undefined,
  after: readonly string[],
): Action[] {
  const { text, ownership } = splitDescription(next.description ?? '');
  if (!ownership || ownership.provision === record) return [];
  const { provision: before = null, ...line } = ownership;
  const description = joinDescription(text, {
    ...line,
    ...(record === undefined ? {} : { provision: record }),
  });
  const change: FieldChange = { field: 'provision', from: before, to: record ?? null, effect: 'live' };
  const step = { reason: 'a rollback undoes what was run since', after, changes: [change] };
  return [configureAction(target, 'steps', { description }, digest, step)];
}
