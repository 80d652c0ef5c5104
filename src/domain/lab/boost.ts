/**
 * Limits for a time: what they were, and when they end, stand in the notes of the container, so that whoever looks there can
 * take them back. Until then they are as they should be, whatever the file says.
 */
import { joinRecords, type Records } from '../../codec/description.ts';
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ActualContainer } from '../actual.ts';
import type { DesiredContainer } from '../desired.ts';
import { boostedTag, type ConfigPatch, patchConfig, withTag } from '../field-row.ts';
import { isUntaggable, recordsOf } from '../ownership.ts';
import type { FieldChange } from '../plan.ts';
import { spellTime } from './times.ts';

/** Limits that can be other ones for a time; disks cannot, as they never shrink. */
const fields = [
  { name: 'memory', member: 'memoryMiB', unset: 512 },
  { name: 'swap', member: 'swapMiB', unset: 0 },
  { name: 'cores', member: 'cores', unset: null },
  { name: 'cpuLimit', member: 'cpuLimit', unset: null },
  { name: 'cpuUnits', member: 'cpuUnits', unset: null },
] as const;

/** A member of a config that can be boosted. */
export type BoostedMember = (typeof fields)[number]['member'];
/** Values by member; null: unset. */
export type Limits = { readonly [K in BoostedMember]?: number | null };

/** What the notes say. */
export interface Boost {
  /** When it ends, ms since the epoch. */
  readonly until: number;
  /** What to go back to. */
  readonly former: Limits;
}

/**
 * Reads a record.
 *
 * @param records - of a container.
 * @returns the boost; undefined when there is none, or none that can be read.
 */
function readBoost({ boost }: Records): Boost | undefined {
  const [, list = '', time = ''] = /^([^@]+)@(.+)$/.exec(boost ?? '') ?? [];
  const until = Date.parse(time);
  if (Number.isNaN(until)) return undefined;
  const former: Partial<Record<BoostedMember, number | null>> = {};
  for (const item of list.split(',')) {
    const [name, value = ''] = item.split(':');
    const field = fields.find((one) => one.name === name);
    if (!field || !/^(?:-|\d+(?:\.\d+)?)$/.test(value)) return undefined;
    former[field.member] = value === '-' ? null : Number(value);
  }
  return { until, former };
}

/** Spells a record: `memory:512,swap:0@2026-11-23T16:00:00Z`. */
function spellBoost({ until, former }: Boost): string {
  const list = fields
    .filter(({ member }) => former[member] !== undefined)
    .map(({ name, member }) => `${name}:${former[member] ?? '-'}`);
  return `${list.join(',')}@${spellTime(until)}`;
}

/** The boost of a container; undefined: none. */
export const boostOf = (actual: Pick<ActualContainer, 'next'>): Boost | undefined =>
  readBoost(recordsOf(actual));

/**
 * Whether a boost has run out.
 *
 * @param now - ms since the epoch; undefined: nothing has.
 */
export const isOver = ({ until }: Boost, now: number | undefined): boolean =>
  now !== undefined && now >= until;

/** PVE: a CPU limit of 0 is none. */
const normal = (member: BoostedMember, value: number | null): number | null =>
  member === 'cpuLimit' && value === 0 ? null : value;

/** Whether a config has a limit already. */
export const hasLimit = (config: LxcConfig, member: BoostedMember, value: number | null): boolean =>
  limitOf(config, member) === normal(member, value);

/** What a member of a config is, with the defaults of the server. */
export function limitOf(config: LxcConfig, member: BoostedMember): number | null {
  const { unset } = fields.find((one) => one.member === member) as (typeof fields)[number];
  return normal(member, config[member] ?? unset);
}

/** The patch that sets limits. */
export const limitsPatch = (limits: Limits): ConfigPatch =>
  Object.fromEntries(Object.entries(limits).map(([member, value]) => [member, value ?? undefined]));

/**
 * Writes a boost into a config, or takes it out.
 *
 * @param config - with the limits that it is to have.
 * @param boost - undefined: there is none any more.
 * @param refusedTags - tags that this account may not change; the record tells enough.
 * @returns the config with record and tag.
 */
export function withBoost(
  config: LxcConfig,
  boost: Boost | undefined,
  refusedTags: readonly string[] = [],
): LxcConfig {
  const { boost: _boost, ...records } = recordsOf({ next: config });
  const hasFields = boost !== undefined && Object.keys(boost.former).length > 0;
  const description = joinRecords(config.description ?? '', {
    ...records,
    ...(hasFields ? { boost: spellBoost(boost) } : {}),
  });
  return patchConfig(config, {
    description: description === '' ? undefined : description,
    ...(isUntaggable(config) || refusedTags.includes(boostedTag)
      ? {}
      : { tags: withTag(config.tags, boostedTag, hasFields) }),
  });
}

const words = (boost: Boost | undefined): string | null =>
  (boost && `until ${spellTime(boost.until)}`) || null;

/**
 * The boost of a config as a field of a plan.
 *
 * @returns for example `until 2026-11-23T16:00:00Z`; null: none.
 */
export const spellBoostField = (config: LxcConfig): string | null => words(boostOf({ next: config }));

/**
 * What changes about the boost of a container.
 *
 * @returns the change, or undefined.
 */
export function boostChange(before: LxcConfig, after: LxcConfig): FieldChange | undefined {
  const [from, to] = [recordsOf({ next: before }).boost, recordsOf({ next: after }).boost];
  if (from === to) return undefined;
  return { field: 'boost', from: spellBoostField(before), to: spellBoostField(after), effect: 'live' };
}

/**
 * Takes boosted limits out of what the file asks for.
 *
 * @param desired - one container of the file.
 * @param boost - of the container that it stands for.
 * @returns it with those limits not managed.
 */
export function withoutBoosted(desired: DesiredContainer, boost: Boost): DesiredContainer {
  const compute = Object.entries(desired.compute).filter(([member]) => !(member in boost.former));
  return { ...desired, compute: Object.fromEntries(compute) };
}

/**
 * What the limits go back to: those of the file where it has them, else what they were.
 *
 * @param boost - the boost.
 * @param desired - the container of the file, if there is one.
 * @returns the limits.
 */
export function limitsAfter({ former }: Boost, desired: DesiredContainer | undefined): Limits {
  const { compute = {} } = desired ?? {};
  return Object.fromEntries(
    Object.entries(former).map(([member, value]) => {
      const wanted = compute[member as BoostedMember];
      return [member, wanted === undefined ? value : wanted];
    }),
  );
}
