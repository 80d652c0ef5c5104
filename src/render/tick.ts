/** What a tick has found due: why, and for which containers. The plan itself tells what is done. */
import type { Plan } from '../domain/plan.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Style } from './style.ts';
import { counted } from './values.ts';
import { flow } from './wrap.ts';

const mostNames = 6;

function names(keys: readonly string[]): string {
  const sorted = keys.toSorted(naturalCompare);
  const shown = sorted.slice(0, mostNames).join(', ');
  return sorted.length > mostNames
    ? `${shown} and ${counted(sorted.length - mostNames, 'more', 'more')}`
    : shown;
}

/**
 * Renders the reasons of a tick's plan.
 *
 * @param plan - what is due.
 * @param style - palette.
 * @returns one line per reason, each ended by a newline; empty when nothing is due.
 */
export function renderDue(plan: Plan, style: Style): string {
  const byReason = new Map<string, Set<string>>();
  for (const { reason, target } of plan.actions) {
    const keys = byReason.get(reason) ?? new Set<string>();
    byReason.set(reason, keys.add(target.key));
  }
  return [...byReason]
    .map(([reason, keys]) => `${flow('', `${style.bold(reason)}: ${names([...keys])}`, style)}\n`)
    .join('');
}
