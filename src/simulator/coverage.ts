/** Which part of the API is simulated, and which part is only checked (types, parameters, permissions). */
import { loadSchema } from '../schema/load.ts';
import type { HandlerTable } from './context.ts';

export interface Coverage {
  /** Operations of the API. */
  readonly total: number;
  /** Those with a handler. */
  readonly simulated: number;
  /** By part of the API, the largest first. */
  readonly areas: readonly { readonly area: string; readonly total: number; readonly simulated: number }[];
  /** Keys `METHOD /path` of the operations that answer 501 after all checks. */
  readonly checkedOnly: readonly string[];
}

/** Area of a path: its first segment, for the cluster its second one too, and for nodes the part below the node. */
function areaOf(path: string): string {
  const [first = '', second, third] = path.split('/').slice(1);
  const part = first === 'nodes' ? third : first === 'cluster' ? second : undefined;
  return part === undefined ? first : `${first}/${part}`;
}

/**
 * Counts.
 *
 * @param handlers - the handler table.
 */
export function coverageOf(handlers: HandlerTable): Coverage {
  const keys = Object.keys(loadSchema().operations);
  const areas = new Map<string, { area: string; total: number; simulated: number }>();
  const checkedOnly: string[] = [];
  for (const key of keys) {
    const area = areaOf(key.slice(key.indexOf(' ') + 1));
    const entry = areas.get(area) ?? { area, total: 0, simulated: 0 };
    entry.total += 1;
    if (Object.hasOwn(handlers, key)) entry.simulated += 1;
    else checkedOnly.push(key);
    areas.set(area, entry);
  }
  return {
    total: keys.length,
    simulated: keys.length - checkedOnly.length,
    areas: [...areas.values()].sort((a, b) => b.total - a.total || (a.area < b.area ? -1 : 1)),
    checkedOnly,
  };
}
