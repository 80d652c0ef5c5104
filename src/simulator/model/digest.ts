/**
 * The config file of a container as text, and its digest. Pure.
 * The file is what the server would write: description as comments, keys by name, then pending changes and snapshots.
 */
import { createHash } from 'node:crypto';
import type { SimContainer, SimSnapshot } from './state.ts';

/** Comment lines are percent-encoded where they are not printable ASCII; `%` and `:` too (PVE::Tools encode_text). */
function encodeComment(line: string): string {
  return [...Buffer.from(line, 'utf8')]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x25 || byte === 0x3a
        ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('');
}

/**
 * Writes one section of a config file.
 *
 * @param config - values by key; the description ends with a newline.
 * @param raw - raw `lxc.*` lines.
 * @returns its lines, each ended by a newline.
 */
export function sectionText(
  config: Readonly<Record<string, string>>,
  raw: readonly (readonly [string, string])[] = [],
): string {
  const { description = '', env, ...values } = config;
  return [
    ...description
      .split('\n')
      .slice(0, description === '' ? 0 : -1)
      .map((line) => `#${encodeComment(line)}`),
    ...Object.keys(values)
      .sort()
      .map((key) => `${key}: ${values[key]}`),
    ...(env === undefined ? [] : env.split(/\0+/).map((item) => `lxc.environment.runtime: ${item}`)),
    ...raw.map(([key, value]) => `${key}: ${value}`),
    '',
  ].join('\n');
}

/** The keys of a snapshot's section. */
export function snapshotSection(snapshot: SimSnapshot): Record<string, string> {
  const { config, description, parent, snaptime, snapstate } = snapshot;
  return {
    ...config,
    snaptime: String(snaptime),
    ...(description === undefined ? {} : { description }),
    ...(parent === undefined ? {} : { parent }),
    ...(snapstate === undefined ? {} : { snapstate }),
  };
}

/**
 * Writes a container's config file.
 *
 * @param container - the container.
 * @returns the text of the file.
 */
export function configText(container: SimContainer): string {
  const { config, pending, pendingDelete, snapshots, raw } = container;
  const deletes = Object.keys(pendingDelete)
    .sort()
    .map((key) => (pendingDelete[key] ? `!${key}` : key));
  const waiting = { ...pending, ...(deletes.length > 0 ? { delete: deletes.join(',') } : {}) };
  return [
    sectionText(config, raw),
    ...(Object.keys(waiting).length > 0 ? [`[pve:pending]\n${sectionText(waiting)}`] : []),
    ...Object.values(snapshots)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((snapshot) => `[${snapshot.name}]\n${sectionText(snapshotSection(snapshot))}`),
  ].join('\n');
}

/**
 * Digest of a container's config file, by which clients detect that somebody else changed it.
 *
 * @param container - the container.
 * @returns SHA-1 as 40 lower-case hex digits.
 */
export function configDigest(container: SimContainer): string {
  return createHash('sha1').update(configText(container)).digest('hex');
}
