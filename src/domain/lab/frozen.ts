/**
 * Frozen containers: nothing is changed about them until somebody unfreezes them. The tag `frozen` says that one is, and a
 * record in its notes says what was before; somebody who takes the tag away by hand has unfrozen it. Where the tag may not be
 * given the record says so, and counts alone.
 */
import { joinRecords, type Records, splitDescription } from '../../codec/description.ts';
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ApiRequest } from '../../schema/request.ts';
import type { ActualContainer } from '../actual.ts';
import { frozenTag, patchConfig, withTag } from '../field-row.ts';
import { isUntaggable, recordsOf } from '../ownership.ts';
import type { Refusal } from '../plan.ts';
import { refusal } from '../refusal.ts';
import { spellTime } from './times.ts';

/** What was before; a member that is absent was not changed. */
export interface Frozen {
  /** Since when, ms since the epoch. */
  readonly at: number;
  /** It ran, and was stopped. */
  readonly power?: 'running';
  readonly protection?: boolean;
  readonly onboot?: boolean;
  /** The account that froze it may not give the tag. */
  readonly tag?: 'none';
}

function readFrozen({ frozen }: Records): Frozen | undefined {
  const [, list = '', time = ''] = /^([^@]*)@(.+)$/.exec(frozen ?? '') ?? [];
  const at = Date.parse(time);
  if (Number.isNaN(at)) return undefined;
  const known = new Map(
    list.split(',').map((item): [string, string | undefined] => {
      const [name = '', value] = item.split(':');
      return [name, value];
    }),
  );
  const flag = (name: 'protection' | 'onboot'): Partial<Frozen> => {
    const value = known.get(name);
    return value === '0' || value === '1' ? { [name]: value === '1' } : {};
  };
  return {
    at,
    ...(known.get('power') === 'running' ? { power: 'running' } : {}),
    ...flag('protection'),
    ...flag('onboot'),
    ...(known.get('tag') === 'none' ? { tag: 'none' } : {}),
  };
}

function spellFrozen({ at, power, protection, onboot, tag }: Frozen): string {
  const list = [
    ...(tag === undefined ? [] : [`tag:${tag}`]),
    ...(power === undefined ? [] : [`power:${power}`]),
    ...(protection === undefined ? [] : [`protection:${Number(protection)}`]),
    ...(onboot === undefined ? [] : [`onboot:${Number(onboot)}`]),
  ];
  return `${list.join(',')}@${spellTime(at)}`;
}

const isTagged = ({ tags }: LxcConfig): boolean =>
  tags?.some((tag) => tag.toLowerCase() === frozenTag) ?? false;

/**
 * Tells whether a container is frozen.
 *
 * @returns what was before; undefined: it is not frozen.
 */
export function frozenOf(actual: Pick<ActualContainer, 'next'>): Frozen | undefined {
  const frozen = readFrozen(recordsOf(actual));
  const isMarked = isTagged(actual.next) || isUntaggable(actual.next) || frozen?.tag === 'none';
  return isMarked ? frozen : undefined;
}

/** Since when a container is frozen, for lists; null: it is not. */
export function spellFrozenField(config: LxcConfig): string | null {
  const frozen = frozenOf({ next: config });
  return frozen ? `since ${spellTime(frozen.at)}` : null;
}

/**
 * Writes into a config that it is frozen, or that it is not any more.
 *
 * @param config - the config.
 * @param frozen - what was before; undefined: unfrozen.
 * @param now - ms since the epoch.
 * @param refusedTags - tags that this account may not change.
 * @returns the config with record and tag; with the record alone where the tag may not be given.
 */
export function withFrozen(
  config: LxcConfig,
  frozen: Frozen | undefined,
  now: number,
  refusedTags: readonly string[] = [],
): LxcConfig {
  const { frozen: _frozen, unfrozen, ...records } = recordsOf({ next: config });
  const isRefused = refusedTags.includes(frozenTag);
  const isTagless = isUntaggable(config) || isRefused || frozen?.tag === 'none';
  const record: Frozen | undefined =
    frozen && isRefused && !isTagged(config) && !isUntaggable(config) ? { ...frozen, tag: 'none' } : frozen;
  const isOwned = splitDescription(config.description ?? '').ownership !== undefined;
  const description = joinRecords(config.description ?? '', {
    ...records,
    ...(record
      ? { frozen: spellFrozen(record), ...(unfrozen === undefined ? {} : { unfrozen }) }
      : // for schedules, which only owned containers have
        isOwned
        ? { unfrozen: spellTime(now) }
        : {}),
  });
  return patchConfig(config, {
    description: description === '' ? undefined : description,
    ...(isTagless ? {} : { tags: withTag(config.tags, frozenTag, frozen !== undefined) }),
  });
}

/**
 * The same for notes that are to be written, of a container that was to get the tag and may not have it.
 *
 * @param description - notes with the record of a freeze; others stay as they are.
 */
function withTaglessRecord(description: string): string {
  const records = recordsOf({ next: { description } });
  const frozen = readFrozen(records);
  return frozen
    ? joinRecords(description, { ...records, frozen: spellFrozen({ ...frozen, tag: 'none' }) })
    : description;
}

/**
 * Leaves the tag of a boost or a freeze as it is, in a request that was refused because it changes it: the record in the
 * notes tells enough. PVE: such a call is refused as a whole, before anything is done.
 *
 * @param request - configures a container.
 * @param tag - as the server names it.
 * @returns the parameters, or undefined when the request does not write the notes as well.
 */
export function withTagLeft({ params }: ApiRequest, tag: string): ApiRequest['params'] | undefined {
  const { tags, description, delete: gone, ...rest } = params;
  const removed = typeof gone === 'string' ? gone.split(',') : [];
  const isSet = typeof tags === 'string';
  if (!isSet && !removed.includes('tags')) return undefined;
  if (typeof description !== 'string' && !removed.includes('description')) return undefined;
  const wanted = isSet ? tags.split(';').filter(Boolean) : [];
  const isGiven = wanted.includes(tag);
  const left = isGiven ? wanted.filter((one) => one !== tag) : [...wanted, tag];
  const others = removed.filter((name) => name !== 'tags');
  const deleted = left.length > 0 ? others : [...others, 'tags'];
  const isFreeze = isGiven && tag.toLowerCase() === frozenTag;
  return {
    ...rest,
    ...(typeof description === 'string'
      ? { description: isFreeze ? withTaglessRecord(description) : description }
      : {}),
    ...(left.length > 0 ? { tags: left.join(';') } : {}),
    ...(deleted.length > 0 ? { delete: deleted.join(',') } : {}),
  };
}

/**
 * Refuses to change a frozen container.
 *
 * @param key - name in the plan.
 * @param actual - the container.
 * @returns the refusal; none when it is not frozen.
 */
export function frozenRefusals(key: string, actual: ActualContainer): Refusal[] {
  const frozen = frozenOf(actual);
  if (!frozen) return [];
  const { vmid } = actual;
  return [
    refusal(
      { key, vmid },
      {
        code: 'CONTAINER_FROZEN',
        message: `container ${vmid} is frozen since ${spellTime(frozen.at)}`,
        hint: `pvefleet unfreeze ${vmid} makes it as it was before`,
      },
    ),
  ];
}
