/**
 * The config of a container: how values are stored and shown, and which volumes it names.
 * Changes go through a draft that is committed as a whole, like the file that the server writes. No rights, no locks.
 */
import { die } from '../context.ts';
import { configKeyType, highestUnused, isOfFamily, volumeKeys } from './defaults.ts';
import { configDigest, snapshotSection } from './digest.ts';
import { type Mount, parseMount } from './property-values.ts';
import type { SimContainer, SimSnapshot } from './state.ts';

/** A config that is being changed. */
export interface Draft {
  config: Record<string, string>;
  pending: Record<string, string>;
  pendingDelete: Record<string, boolean>;
}

/**
 * Starts a change.
 *
 * @returns a copy of the container's current and pending values.
 */
export function draftOf(container: SimContainer): Draft {
  return structuredClone({
    config: container.config,
    pending: container.pending,
    pendingDelete: container.pendingDelete,
  });
}

/**
 * Writes a change: what the config file would hold when it is read again.
 * An unusedN whose volume is in use again disappears.
 *
 * @throws SimError 500 when a value contains a newline where the file has no room for one.
 */
export function commit(container: SimContainer, draft: Draft): void {
  const config = storedSection(draft.config);
  const used = new Set(mountsOf(config).map(([, mount]) => mount.volume));
  for (const key of Object.keys(config))
    if (isOfFamily(key, 'unused') && used.has(config[key] as string)) delete config[key];
  container.config = config;
  container.pending = storedSection(draft.pending);
  container.pendingDelete = { ...draft.pendingDelete };
}

function storedSection(values: Readonly<Record<string, string>>): Record<string, string> {
  const stored: Record<string, string> = {};
  for (const [key, value] of Object.entries(values)) {
    const text = storedValue(key, value);
    if (text !== undefined) stored[key] = text;
  }
  return stored;
}

/**
 * A value as it is after it went through the config file: trimmed, an empty one is a blank, numbers without leading
 * zeros, a description with a newline at its end.
 *
 * @returns the text, or `undefined` when nothing of it is kept (an empty description).
 * @throws SimError 500 when a value contains a newline.
 */
export function storedValue(key: string, value: string): string | undefined {
  if (key === 'description') return storedDescription(value);
  if (/[\r\n]/.test(value)) die(`detected invalid newline inside property '${key}'`);
  if (key === 'env')
    return value
      .split(/\0+/)
      .map((item) => item.trim())
      .join('\0');
  const text = value.trim() || ' ';
  return configKeyType(key) === 'integer' && /^[+-]?\d+$/.test(text) ? String(Number(text)) : text;
}

/**
 * A description as it is after it went through the config file, where it is comment lines.
 *
 * @returns the text with a newline at its end, or `undefined` when it is empty.
 */
export function storedDescription(text: string): string | undefined {
  const kept = text.replace(/\n+$/, '');
  return kept === '' || kept === '0' ? undefined : `${kept}\n`;
}

/**
 * A stored value as the API shows it: integers and booleans as numbers, everything else as text.
 */
export function apiValue(key: string, value: string): string | number {
  const type = configKeyType(key);
  if (type === 'boolean') return /^(1|on|yes|true)$/i.test(value) ? 1 : 0;
  return type === 'integer' ? Number(value) : value;
}

function apiSection(values: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, apiValue(key, value)]));
}

/**
 * The config as GET config shows it.
 *
 * @param current - true: active values; false: with pending changes merged over them.
 */
export function shownConfig(container: SimContainer, current: boolean): Record<string, unknown> {
  const shown = apiSection(current ? container.config : { ...container.config, ...container.pending });
  if (!current) {
    // Only keys with a true value disappear; the server asks for truth where it means existence.
    for (const key of Object.keys(container.pendingDelete)) if (shown[key]) delete shown[key];
  }
  return {
    ...shown,
    ...(container.raw.length > 0 ? { lxc: container.raw } : {}),
    digest: configDigest(container),
  };
}

/**
 * The config of a snapshot as the API shows it, without digest.
 */
export function shownSnapshot(snapshot: SimSnapshot): Record<string, unknown> {
  return apiSection(snapshotSection(snapshot));
}

/** A row of GET pending. */
export interface PendingRow {
  key: string;
  value?: unknown;
  pending?: unknown;
  delete?: 1 | 2;
}

/**
 * Rows of GET pending: all keys, the digest among them.
 */
export function pendingRows(container: SimContainer): PendingRow[] {
  const { config, pending, pendingDelete } = container;
  const active = { ...apiSection(config), digest: configDigest(container) };
  const rows = new Map<string, PendingRow>();
  const row = (key: string): PendingRow => {
    const known = rows.get(key) ?? { key };
    rows.set(key, known);
    return known;
  };
  for (const [key, value] of Object.entries(active)) row(key).value = value;
  for (const [key, value] of Object.entries(pending)) row(key).pending = apiValue(key, value);
  for (const [key, force] of Object.entries(pendingDelete)) row(key).delete = force ? 2 : 1;
  return [...rows.values()];
}

/**
 * Drops pending entries that change nothing: equal values, and deletions of keys that are not set.
 */
export function cleanupPending(draft: Draft): void {
  for (const [key, value] of Object.entries(draft.pending))
    if (draft.config[key] === storedValue(key, value)) delete draft.pending[key];
  for (const key of Object.keys(draft.pendingDelete))
    if (draft.config[key] === undefined) delete draft.pendingDelete[key];
}

const mountOrder: ReadonlyMap<string, number> = new Map(volumeKeys.map((key, index) => [key, index]));

/**
 * Root disk and mount points of a section, in the server's order.
 */
export function mountsOf(config: Readonly<Record<string, string>>): [key: string, mount: Mount][] {
  // From the keys that are there, not from all that could be: lists do this for every container.
  return Object.keys(config)
    .filter((key) => mountOrder.has(key) && config[key] !== undefined)
    .sort((a, b) => (mountOrder.get(a) ?? 0) - (mountOrder.get(b) ?? 0))
    .map((key) => [key, parseMount(key, config[key])]);
}

/**
 * Unused volumes of a section.
 *
 * @returns volume ids by key.
 */
export function unusedOf(config: Readonly<Record<string, string>>): [key: string, volid: string][] {
  return Object.entries(config)
    .filter(([key]) => isOfFamily(key, 'unused'))
    .map(([key, value]) => [key, parseMount(key, value).volume]);
}

/**
 * Notes a volume as unused, under the lowest free number; one that is noted already stays as it is.
 *
 * @throws SimError 500 when there is no number left.
 */
export function addUnused(config: Record<string, string>, volid: string): void {
  if (unusedOf(config).some(([, known]) => known === volid)) return;
  for (let index = 0; index <= highestUnused; index++) {
    const key = `unused${index}`;
    if (config[key] !== undefined) continue;
    config[key] = volid;
    return;
  }
  die('Too many unused volumes - please delete them first.');
}

function names(config: Readonly<Record<string, string>>, volid: string): boolean {
  return mountsOf(config).some(([, mount]) => mount.kind === 'volume' && mount.volume === volid);
}

/**
 * Tells whether a snapshot of the container names a volume.
 */
export function usedBySnapshots(container: SimContainer, volid: string): boolean {
  return Object.values(container.snapshots).some((snapshot) => names(snapshot.config, volid));
}

/**
 * Tells whether a volume is mounted, waits to be, or belongs to a snapshot.
 */
export function volumeInUse(container: SimContainer, draft: Draft, volid: string): boolean {
  return names(draft.config, volid) || names(draft.pending, volid) || usedBySnapshots(container, volid);
}

/**
 * All volumes of a container: mounted, unused, and those that only pending values name.
 */
export function volumesOf(container: SimContainer): string[] {
  const sections = [container.config, container.pending];
  const volids = sections.flatMap((section) => [
    ...mountsOf(section)
      .filter(([, mount]) => mount.kind === 'volume')
      .map(([, mount]) => mount.volume),
    ...unusedOf(section).map(([, volid]) => volid),
  ]);
  return [...new Set(volids)];
}
