/**
 * The datacenter options that containers depend on, wherever they come from: stored as objects or as property strings.
 * Reads only.
 */
import type { SimState } from './state.ts';

/**
 * Sub-keys of a datacenter option.
 *
 * @param name - for example `tag-style`.
 * @returns values by sub-key; lists stay lists of the separator `;`.
 */
function optionValues(state: SimState, name: string): Readonly<Record<string, string>> {
  const value = state.options[name];
  if (typeof value === 'string') {
    const pairs = value.split(',').map((part): [string, string] => {
      const at = part.indexOf('=');
      return [part.slice(0, at), part.slice(at + 1)];
    });
    return Object.fromEntries(pairs);
  }
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([key, item]): [string, string] => [
      key,
      Array.isArray(item) ? item.join(';') : String(item),
    ]),
  );
}

/** Splits a list the way the server does: at commas, semicolons, blanks and NUL. */
export function splitList(text: string): string[] {
  return text.split(/[,;\s\0]+/).filter((item) => item !== '');
}

/**
 * Rewrites tags as the server stores them: unique, lower case and sorted, unless the datacenter's tag style says otherwise.
 *
 * @param text - tags as sent.
 * @returns tags joined by `;`.
 */
export function storedTags(state: SimState, text: string): string {
  const style = optionValues(state, 'tag-style');
  const caseSensitive = /^(1|on|yes|true)$/i.test(style['case-sensitive'] ?? '');
  const tags = splitList(text).map((tag) => (caseSensitive ? tag : tag.toLowerCase()));
  const unique = [...new Set(tags)];
  return (style['ordering'] === 'config' ? unique : unique.sort()).join(';');
}

/** Prefix of generated MAC addresses. */
export function macPrefix(state: SimState): string | undefined {
  const prefix = state.options['mac_prefix'];
  return typeof prefix === 'string' ? prefix : undefined;
}

/** Which tags users without rights on the datacenter may set (PVE::GuestHelpers get_allowed_tags). */
export interface TagRules {
  /** Any tag that is not registered. */
  readonly free: boolean;
  /** Tags of guests are allowed too. */
  readonly existing: boolean;
  /** Tags that are allowed in any case. */
  readonly list: readonly string[];
  /** Only for those with Sys.Modify on `/`. */
  readonly registered: readonly string[];
}

/** Reads `user-tag-access` and `registered-tags`. */
export function tagRules(state: SimState): TagRules {
  const access = optionValues(state, 'user-tag-access');
  const allow = access['user-allow'] ?? 'free';
  const registered = state.options['registered-tags'];
  return {
    free: allow === 'free',
    existing: allow === 'free' || allow === 'existing',
    list: allow === 'none' ? [] : splitList(access['user-allow-list'] ?? ''),
    registered: Array.isArray(registered)
      ? registered.map(String)
      : splitList(typeof registered === 'string' ? registered : ''),
  };
}
