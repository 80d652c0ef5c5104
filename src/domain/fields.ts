/**
 * THE FIELD TABLE: one row per managed field of a container that is no family of numbered keys: how it is read from a
 * config, how it is spelled in a fleet file, how it is written, and when a change takes effect in a running container.
 * Effects: pve-container LXC/Config.pm, vmconfig_hotplug_pending. In a stopped container everything is live.
 */
import { joinDescription, joinRecords, splitDescription } from '../codec/description.ts';
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { DesiredContainer, DesiredFeatures } from './desired.ts';
import { type FieldRow, isEmpty, isOwnTag, scalar } from './field-row.ts';
import type { JsonValue } from './plan.ts';
import { readVolume, spellMiB } from './spelling.ts';
import { featureRows, mergeSubkeys, rootfsRows, type SubkeyRow, showSubkey, showSubkeys } from './subkeys.ts';

const rootfsOption = (row: SubkeyRow): FieldRow => {
  const want = (desired: DesiredContainer): JsonValue | undefined =>
    (desired.rootfs as Readonly<Record<string, JsonValue | undefined>>)[row.name];
  return {
    field: `rootfs.${row.name}`,
    key: 'rootfs',
    member: 'rootfs',
    effect: 'restart',
    read: (config) => row.normal(showSubkey(row, config.rootfs ?? {})),
    want: (desired) => {
      const wanted = want(desired);
      return wanted === undefined ? undefined : row.normal(wanted === null ? row.unset : wanted);
    },
    write: (desired, config) =>
      config.rootfs ? { rootfs: mergeSubkeys([row], { [row.name]: want(desired) }, config.rootfs) } : {},
  };
};

/** All flags: those that are off or absent in the file are to be unset. */
function allFeatures(wanted: DesiredFeatures): Record<string, JsonValue> {
  return Object.fromEntries(
    featureRows.map(({ name }) => [
      name,
      (wanted as Readonly<Record<string, JsonValue | undefined>>)[name] || null,
    ]),
  );
}

const features: FieldRow = {
  field: 'features',
  key: 'features',
  member: 'features',
  effect: 'restart',
  read: (config) => spellFeatures(config.features ?? {}),
  want: (desired) => {
    if (desired.features === undefined) return undefined;
    return desired.features === null ? null : spellFeatures(mergeSubkeys(featureRows, desired.features, {}));
  },
  write: (desired, config) => ({
    // each flag keeps its spelling where it is right already, because only root may change most of them
    features: desired.features
      ? mergeSubkeys(featureRows, allFeatures(desired.features), config.features ?? {})
      : undefined,
  }),
};

function spellFeatures(value: object): JsonValue {
  const shown = showSubkeys(featureRows, value);
  const mount = shown['mount'];
  return isEmpty(shown)
    ? null
    : { ...shown, ...(Array.isArray(mount) ? { mount: [...(mount as string[])].sort() } : {}) };
}

const plainTags = (tags: readonly string[]): JsonValue => {
  const own = [...new Set(tags)].filter((tag) => !isOwnTag(tag)).sort();
  return own.length === 0 ? null : own;
};

const tags: FieldRow = {
  field: 'tags',
  key: 'tags',
  member: 'tags',
  effect: 'live',
  read: (config) => plainTags(config.tags ?? []),
  want: (desired) => (desired.options.tags === undefined ? undefined : plainTags(desired.options.tags ?? [])),
  write: (desired, config) => {
    const kept = config.tags?.filter(isOwnTag) ?? [];
    const wanted = [...new Set([...(desired.options.tags ?? []), ...kept])];
    return { tags: wanted.length === 0 ? undefined : wanted };
  },
};

const description: FieldRow = {
  field: 'description',
  key: 'description',
  member: 'description',
  effect: 'live',
  read: (config) => splitDescription(config.description ?? '').text || null,
  want: ({ options }) =>
    options.description === undefined ? undefined : splitDescription(options.description ?? '').text || null,
  write: ({ options }, config) => {
    const { ownership, records } = splitDescription(config.description ?? '');
    const { text } = splitDescription(options.description ?? '');
    const kept = records ? joinRecords(text, records) : text;
    return { description: (ownership ? joinDescription(text, ownership) : kept) || undefined };
  },
};

/** Size and storage of the root disk are in adopt.ts, because they are not written by PUT …/config. */
export const fieldRows: readonly FieldRow[] = [
  scalar({ field: 'hostname', member: 'hostname', effect: 'live', want: (desired) => desired.hostname }),
  scalar({
    field: 'unprivileged',
    member: 'unprivileged',
    effect: 'recreate',
    want: (desired) => desired.unprivileged,
    unset: false,
  }),
  scalar({
    field: 'memory',
    member: 'memoryMiB',
    effect: 'live',
    want: ({ compute }) => compute.memoryMiB,
    show: spellMiB,
    unset: spellMiB(512),
  }),
  // PVE: a config without the key runs without swap, although the schema's default is 512
  scalar({
    field: 'swap',
    member: 'swapMiB',
    effect: 'live',
    want: ({ compute }) => compute.swapMiB,
    show: spellMiB,
    unset: spellMiB(0),
  }),
  // PVE: pvestatd distributes the CPUs of a host anew in its next round (contract lxc-endpoints §C)
  scalar({
    field: 'cores',
    member: 'cores',
    effect: 'live',
    settles: 'later',
    want: ({ compute }) => compute.cores,
  }),
  scalar({
    field: 'cpuLimit',
    key: 'cpulimit',
    member: 'cpuLimit',
    effect: 'live',
    want: ({ compute }) => compute.cpuLimit,
    show: (limit) => (limit === 0 ? null : limit),
  }),
  scalar({
    field: 'cpuUnits',
    key: 'cpuunits',
    member: 'cpuUnits',
    effect: 'live',
    want: ({ compute }) => compute.cpuUnits,
  }),
  ...rootfsRows.map(rootfsOption),
  features,
  tags,
  description,
  scalar({
    field: 'onboot',
    member: 'onboot',
    effect: 'live',
    want: ({ options }) => options.onboot,
    unset: false,
  }),
  scalar({
    field: 'protection',
    member: 'protection',
    effect: 'live',
    want: ({ options }) => options.protection,
    unset: false,
  }),
  scalar({
    field: 'startup',
    member: 'startup',
    effect: 'live',
    want: ({ options: { startup } }) =>
      startup && {
        ...(startup.order === undefined ? {} : { order: startup.order }),
        ...(startup.upSeconds === undefined ? {} : { up: startup.upSeconds }),
        ...(startup.downSeconds === undefined ? {} : { down: startup.downSeconds }),
      },
    show: ({ order, up, down }) => ({
      ...(order === undefined ? {} : { order }),
      ...(up === undefined ? {} : { upSeconds: up }),
      ...(down === undefined ? {} : { downSeconds: down }),
    }),
  }),
  scalar({
    field: 'hookscript',
    member: 'hookscript',
    effect: 'live',
    want: ({ options }) => options.hookscript,
  }),
  scalar({
    field: 'nameservers',
    key: 'nameserver',
    member: 'nameservers',
    effect: 'restart',
    want: ({ options }) => options.nameservers,
  }),
  scalar({
    field: 'searchDomains',
    key: 'searchdomain',
    member: 'searchDomains',
    effect: 'restart',
    want: ({ options }) => options.searchDomains,
  }),
  scalar({
    field: 'timezone',
    member: 'timezone',
    effect: 'restart',
    want: ({ options }) => options.timezone,
  }),
  scalar({
    field: 'cmode',
    member: 'cmode',
    effect: 'restart',
    want: ({ options }) => options.cmode,
    unset: 'tty',
  }),
  scalar({ field: 'tty', member: 'tty', effect: 'restart', want: ({ options }) => options.tty, unset: 2 }),
  scalar({
    field: 'console',
    member: 'console',
    effect: 'restart',
    want: ({ options }) => options.console,
    unset: true,
  }),
  scalar({
    field: 'debug',
    member: 'debug',
    effect: 'restart',
    want: ({ options }) => options.debug,
    unset: false,
  }),
  scalar({ field: 'arch', member: 'arch', effect: 'restart', want: ({ options }) => options.arch }),
  scalar({ field: 'ostype', member: 'ostype', effect: 'restart', want: ({ options }) => options.ostype }),
  scalar({
    field: 'entrypoint',
    member: 'entrypoint',
    effect: 'restart',
    want: ({ options }) => options.entrypoint,
  }),
  scalar({ field: 'env', member: 'env', effect: 'restart', want: ({ options }) => options.env }),
];

/** The storage of the root disk, or null. */
export const rootfsStorage = (config: LxcConfig): JsonValue =>
  config.rootfs ? (readVolume(config.rootfs.volume).storage ?? null) : null;
