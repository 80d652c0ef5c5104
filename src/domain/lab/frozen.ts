/**
 * Frozen containers: nothing is changed about them until somebody unfreezes them. The tag `frozen` says that one is, and a
 * record in its notes says what was before; somebody who takes the tag away by hand has unfrozen it.
 */
import { joinRecords, type Records, splitDescription } from '../../codec/description.ts';
import type { LxcConfig } from '../../codec/lxc-config.ts';
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
  };
}

function spellFrozen({ at, power, protection, onboot }: Frozen): string {
  const list = [
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
export const frozenOf = (actual: Pick<ActualContainer, 'next'>): Frozen | undefined =>
  isTagged(actual.next) || isUntaggable(actual.next) ? readFrozen(recordsOf(actual)) : undefined;

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
 * @returns the config with record and tag.
 */
export function withFrozen(config: LxcConfig, frozen: Frozen | undefined, now: number): LxcConfig {
  const { frozen: _frozen, unfrozen, ...records } = recordsOf({ next: config });
  const isOwned = splitDescription(config.description ?? '').ownership !== undefined;
  const description = joinRecords(config.description ?? '', {
    ...records,
    ...(frozen
      ? { frozen: spellFrozen(frozen), ...(unfrozen === undefined ? {} : { unfrozen }) }
      : // for schedules, which only owned containers have
        isOwned
        ? { unfrozen: spellTime(now) }
        : {}),
  });
  return patchConfig(config, {
    description: description === '' ? undefined : description,
    ...(isUntaggable(config) ? {} : { tags: withTag(config.tags, frozenTag, frozen !== undefined) }),
  });
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
