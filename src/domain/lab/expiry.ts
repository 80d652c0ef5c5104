/** The end of a container as its tags tell it: announced before, told after. Without a state file that is what has been done. */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import { expiryTag, patchConfig } from '../field-row.ts';
import { isUntaggable } from '../ownership.ts';
import type { FieldChange } from '../plan.ts';
import type { DesiredSchedule, ExpiryPhase } from './schedule.ts';

/** What the tags of a config tell. */
interface Told {
  readonly word: 'expires' | 'expired';
  readonly day: string;
}

function toldBy({ tags }: LxcConfig): Told | undefined {
  for (const tag of tags ?? []) {
    const [, word, day] = expiryTag.exec(tag.toLowerCase()) ?? [];
    if (word !== undefined && day !== undefined) return { word: word as Told['word'], day };
  }
  return undefined;
}

/**
 * What the tags of a config tell about its end, for people.
 *
 * @returns `announced for 2027-01-31`, `over since 2027-01-31`, or null.
 */
export function spellExpiryField(config: LxcConfig): string | null {
  const told = toldBy(config);
  return (told && `${told.word === 'expires' ? 'announced for' : 'over since'} ${told.day}`) || null;
}

/** Whether the tags say that the last day is over: it was stopped for that reason, by an earlier run. */
export const isToldExpired = (config: LxcConfig, { expiry }: DesiredSchedule): boolean => {
  const told = toldBy(config);
  return told?.word === 'expired' && told.day === expiry?.day;
};

/**
 * Puts the tag of a phase on a config, and takes others off.
 *
 * @param config - the config.
 * @param schedule - of the container.
 * @param phase - how near its end is.
 * @returns the config.
 */
export function withExpiryTag(
  config: LxcConfig,
  schedule: DesiredSchedule | undefined,
  phase: ExpiryPhase,
): LxcConfig {
  if (isUntaggable(config)) return config;
  const day = schedule?.expiry?.day;
  const word = phase === 'announced' ? 'expires' : 'expired';
  const wanted = phase === 'none' || day === undefined ? undefined : `${word}-${day}`;
  const own = config.tags?.filter((tag) => expiryTag.test(tag.toLowerCase())) ?? [];
  if (own.length === (wanted === undefined ? 0 : 1) && own.every((tag) => tag.toLowerCase() === wanted))
    return config;
  const others = config.tags?.filter((tag) => !own.includes(tag)) ?? [];
  const tags = wanted === undefined ? others : [...others, wanted];
  return patchConfig(config, { tags: tags.length === 0 ? undefined : tags });
}

/** What changes about what the tags tell. */
export function expiryMark(before: LxcConfig, after: LxcConfig): FieldChange | undefined {
  const [from, to] = [spellExpiryField(before), spellExpiryField(after)];
  return from === to ? undefined : { field: 'expiry', from, to, effect: 'live' };
}
