/** What a row of the field table is, and the builder of the plain ones. */
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { DesiredContainer } from './desired.ts';
import type { Effect, JsonValue } from './plan.ts';

/** The tag of owned containers. */
export const ownershipTag = 'pvefleet';
/** The tag of containers that are left alone until somebody unfreezes them. */
export const frozenTag = 'frozen';
/** The tag of containers that have other limits for a time. */
export const boostedTag = 'boosted';
/** Tags that tell of the end of a container: `expires-2027-01-31` before that day's end, `expired-2027-01-31` after it. */
export const expiryTag: RegExp = /^(expires|expired)-(\d{4}-\d{2}-\d{2})$/;

/**
 * Whether pvefleet sets and removes a tag itself. Such tags are not compared with those of the file, and stay as they are
 * when others are written.
 */
export const isOwnTag = (tag: string): boolean => tag === ownershipTag || isMarkerTag(tag);
/** Whether a tag tells what is done to a container for a time. */
export const isMarkerTag = (tag: string): boolean =>
  [frozenTag, boostedTag].includes(tag.toLowerCase()) || expiryTag.test(tag.toLowerCase());

/**
 * Puts a tag on, or takes it off; all others keep their places.
 *
 * @returns the tags; undefined: none.
 */
export function withTag(
  tags: readonly string[] | undefined,
  tag: string,
  isOn: boolean,
): readonly string[] | undefined {
  const others = tags?.filter((one) => one.toLowerCase() !== tag) ?? [];
  const has = others.length < (tags?.length ?? 0);
  if (has === isOn) return tags;
  const now = isOn ? [...others, tag] : others;
  return now.length === 0 ? undefined : now;
}

/** Members of a config to set; undefined: to be unset. */
export type ConfigPatch = { readonly [K in keyof LxcConfig]?: LxcConfig[K] | undefined };

/** Members of a config that are no numbered keys. */
export type ScalarMember = Exclude<keyof LxcConfig, 'nets' | 'mounts' | 'devices' | 'unused' | 'other'>;

/** One field. */
export interface FieldRow {
  /** Its path in a fleet file. */
  readonly field: string;
  /** The API's key for it. */
  readonly key: string;
  /** The config's member for it; several fields may share one. */
  readonly member: ScalarMember;
  /** When a change takes effect while the container runs. */
  readonly effect: Effect;
  /** In a running container it takes the host some seconds. */
  readonly settles?: 'later';
  /** Value as a fleet file spells it; defaults filled in, null: unset. */
  readonly read: (config: LxcConfig) => JsonValue;
  /** Wanted value in the same spelling; undefined: not managed. */
  readonly want: (desired: DesiredContainer) => JsonValue | undefined;
  /** What makes it so. Called only when it is managed and differs. */
  readonly write: (desired: DesiredContainer, config: LxcConfig) => ConfigPatch;
}

/** What makes a row of a field that is one member of the config. */
export interface ScalarSpec<K extends ScalarMember> {
  readonly field: string;
  readonly key?: string;
  readonly member: K;
  readonly effect: Effect;
  readonly settles?: 'later';
  readonly want: (desired: DesiredContainer) => LxcConfig[K] | null | undefined;
  /** Default: as it is. */
  readonly show?: (value: NonNullable<LxcConfig[K]>) => JsonValue;
  /** What an absent key means; default null. */
  readonly unset?: JsonValue;
}

/** Tells whether a list or map has nothing in it. */
export const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/**
 * Builds the row of a field that is one member of the config.
 *
 * @param spec - where it stands on both sides, its effect and its spelling.
 * @returns the row.
 */
export function scalar<K extends ScalarMember>(spec: ScalarSpec<K>): FieldRow {
  const { member, want, unset = null } = spec;
  const show = spec.show ?? ((value: NonNullable<LxcConfig[K]>): JsonValue => value as JsonValue);
  const spell = (value: LxcConfig[K] | null | undefined): JsonValue =>
    value === undefined || value === null || isEmpty(value) ? unset : show(value);
  return {
    field: spec.field,
    key: spec.key ?? spec.field,
    member,
    effect: spec.effect,
    ...(spec.settles ? { settles: spec.settles } : {}),
    read: (config) => spell(config[member]),
    want: (desired) => {
      const wanted = want(desired);
      return wanted === undefined ? undefined : spell(wanted);
    },
    write: (desired) => {
      const wanted = want(desired);
      return { [member]: wanted === null || isEmpty(wanted) ? undefined : wanted };
    },
  };
}

/**
 * Applies a patch.
 *
 * @param config - a config.
 * @param patch - members to set or, where undefined, to unset.
 * @returns a new config.
 */
export function patchConfig(config: LxcConfig, patch: ConfigPatch): LxcConfig {
  const merged = { ...config, ...patch };
  // unset members must be absent, not undefined
  return Object.fromEntries(
    Object.entries(merged).filter(([, value]) => value !== undefined),
  ) as unknown as LxcConfig;
}
