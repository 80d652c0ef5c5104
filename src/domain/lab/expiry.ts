/**
 * The end of a container as its tags tell it, or its notes where tags are kept to others: announced before, told after.
 * Without a state file that is what has been done.
 */
import { joinRecords, splitDescription } from '../../codec/description.ts';
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ApiRequest } from '../../schema/request.ts';
import { expiryTag, patchConfig } from '../field-row.ts';
import { isUntaggable, recordsOf } from '../ownership.ts';
import type { FieldChange } from '../plan.ts';
import type { DesiredSchedule, ExpiryPhase } from './schedule.ts';

/** What a config tells. */
interface Told {
  readonly word: 'expires' | 'expired';
  readonly day: string;
}

/** Whether this account may give the tags: where that is not certain the notes tell it as well. */
export type Tagging = 'allowed' | 'refused' | 'unknown';

/** The record counts more than a tag, which may be one that could not be taken off. */
function toldBy(config: LxcConfig): Told | undefined {
  const { told } = recordsOf({ next: config });
  for (const tag of [...(told === undefined ? [] : [told]), ...(config.tags ?? [])]) {
    const [, word, day] = expiryTag.exec(tag.toLowerCase()) ?? [];
    if (word !== undefined && day !== undefined) return { word: word as Told['word'], day };
  }
  return undefined;
}

/**
 * What a config tells about its end, for people.
 *
 * @returns `announced for 2027-01-31`, `over since 2027-01-31`, or null.
 */
export function spellExpiryField(config: LxcConfig): string | null {
  const told = toldBy(config);
  return (told && `${told.word === 'expires' ? 'announced for' : 'over since'} ${told.day}`) || null;
}

/** Whether it was told that the last day is over: it was stopped for that reason, by an earlier run. */
export const isToldExpired = (config: LxcConfig, { expiry }: DesiredSchedule): boolean => {
  const told = toldBy(config);
  return told?.word === 'expired' && told.day === expiry?.day;
};

/** Tags with the one that is wanted, and without others of their kind. */
function expiryTags(tags: LxcConfig['tags'], wanted: string | undefined): LxcConfig['tags'] {
  const own = tags?.filter((tag) => expiryTag.test(tag.toLowerCase())) ?? [];
  if (own.length === (wanted === undefined ? 0 : 1) && own.every((tag) => tag.toLowerCase() === wanted))
    return tags;
  const others = tags?.filter((tag) => !own.includes(tag)) ?? [];
  const all = wanted === undefined ? others : [...others, wanted];
  return all.length === 0 ? undefined : all;
}

/**
 * Tells on a config how near its end is: by a tag, and where that may not be given by a record in the notes.
 *
 * @param config - the config.
 * @param schedule - of the container.
 * @param phase - how near its end is.
 * @param tagging - whether this account may give the tags.
 * @returns the config; the same one when it tells so already.
 */
export function withExpiry(
  config: LxcConfig,
  schedule: DesiredSchedule | undefined,
  phase: ExpiryPhase,
  tagging: Tagging,
): LxcConfig {
  const day = schedule?.expiry?.day;
  const word = phase === 'announced' ? 'expires' : 'expired';
  const wanted = phase === 'none' || day === undefined ? undefined : `${word}-${day}`;
  const how = isUntaggable(config) ? 'refused' : tagging;
  const { told, ...records } = recordsOf({ next: config });
  const record = how === 'allowed' ? undefined : wanted;
  // where the tags were refused once, the notes are enough
  const isNoted = how === 'unknown' && record !== undefined && told === record;
  const tags = how === 'refused' || isNoted ? config.tags : expiryTags(config.tags, wanted);
  if (tags === config.tags && told === record) return config;
  const noted = { ...records, ...(record === undefined ? {} : { told: record }) };
  const description = told === record ? config.description : joinRecords(config.description ?? '', noted);
  return patchConfig(config, { tags, description });
}

/**
 * Takes the tags out of a request that was refused because of those that tell of an end; the notes in it tell it too.
 *
 * @param request - configures a container.
 * @returns its parameters without tags, or undefined when the notes do not tell it.
 */
export function withoutExpiryTags({ params }: ApiRequest): ApiRequest['params'] | undefined {
  const { tags, description, delete: gone, ...rest } = params;
  const removed = typeof gone === 'string' ? gone.split(',') : [];
  if ((tags === undefined && !removed.includes('tags')) || typeof description !== 'string') return undefined;
  if (splitDescription(description).ownership?.told === undefined) return undefined;
  const left = removed.filter((name) => name !== 'tags');
  return { ...rest, description, ...(left.length === 0 ? {} : { delete: left.join(',') }) };
}

/** What changes about what is told. */
export function expiryMark(before: LxcConfig, after: LxcConfig): FieldChange | undefined {
  const [from, to] = [spellExpiryField(before), spellExpiryField(after)];
  return from === to ? undefined : { field: 'expiry', from, to, effect: 'live' };
}
