/**
 * datacenter.cfg as `GET` and `PUT /cluster/options` have it: kept in `state.options` the way answers show it, property
 * strings as objects and lists as arrays. What containers need of it is in datacenter.ts.
 */
import type { ObjectFormat, Operation } from '../../schema/types.ts';
import { splitPropertyString } from '../wire/property-string.ts';
import { splitList, tagRules } from './datacenter.ts';
import type { SimState } from './state.ts';

/**
 * Turns the text of an option into what answers show. Integers stay text, booleans become numbers: the file's parser
 * checks numbers but does not convert them (conformance 27).
 *
 * @param operation - `PUT /cluster/options`, for the options' formats.
 * @param key - option.
 * @param text - validated text.
 */
export function decodeOption(operation: Operation, key: string, text: string): unknown {
  if (key === 'registered-tags') return [...new Set(splitList(text))].sort();
  const format = operation.parameters.properties[key]?.format;
  return typeof format === 'object' ? objectOf(format, text) : text;
}

function objectOf(format: ObjectFormat, text: string): Record<string, unknown> {
  const entries = Object.entries(splitPropertyString(format, text));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (format[key]?.type === 'boolean') return [key, Number(value)];
      return [key, key === 'user-allow-list' ? splitList(value) : value];
    }),
  );
}

/**
 * All options as answers show them; two are there even when the file has not got them.
 *
 * @param state - cluster.
 */
export function shownOptions(state: SimState): Record<string, unknown> {
  return { mac_prefix: 'BC:24:11', description: '', ...state.options };
}

/**
 * Tags that a caller may give to guests.
 *
 * @param state - cluster.
 * @param privileged - has Sys.Modify on `/`: all tags, registered ones too.
 * @param visible - which guests the caller may see.
 * @returns sorted tags.
 */
export function allowedTags(
  state: SimState,
  privileged: boolean,
  visible: (vmid: number) => boolean,
): string[] {
  const rules = tagRules(state);
  const existing =
    privileged || rules.existing
      ? Object.values(state.containers)
          .filter((container) => visible(container.vmid))
          .flatMap((container) => splitList(container.config['tags'] ?? ''))
      : [];
  const usable = privileged ? existing : existing.filter((tag) => !rules.registered.includes(tag));
  return [...new Set([...usable, ...rules.list, ...(privileged ? rules.registered : [])])].sort();
}

/**
 * Range in which free guest ids are looked for.
 *
 * @param state - cluster.
 * @returns `lower` inclusive, `upper` exclusive.
 */
export function nextIdRange(state: SimState): { lower: number; upper: number } {
  const value = state.options['next-id'];
  const given: Record<string, unknown> =
    typeof value === 'string'
      ? splitPropertyString({}, value)
      : typeof value === 'object' && value !== null
        ? { ...value }
        : {};
  return { lower: Number(given['lower'] ?? 100), upper: Number(given['upper'] ?? 1_000_000) };
}
