/**
 * Template archives and backups: what the catalogue offers, and what is inside of an archive on a storage.
 * Facts about archives travel in `SimVolume.meta`; this module is the one place that knows its keys. It changes no state.
 */
import { createHash } from 'node:crypto';
import { type CatalogueRow, catalogueRows } from './catalogue-rows.ts';
import type { SimCatalogueEntry, SimVolume } from './state.ts';

const source = 'http://download.proxmox.com/images';

/**
 * Completes a row of the index to an entry as `GET aplinfo` shows it (plus `sizeBytes`, which it does not show).
 *
 * @param row - at least package, version and os; the location defaults to `system/PACKAGE_VERSION_amd64.tar.xz`.
 * @returns the entry.
 */
export function catalogueEntry(
  row: Pick<CatalogueRow, 'package' | 'version' | 'os' | 'sizeBytes'> & Partial<CatalogueRow>,
): SimCatalogueEntry {
  const location = row.location ?? `system/${row.package}_${row.version}_amd64.tar.xz`;
  const template = location.slice(location.lastIndexOf('/') + 1);
  return {
    template,
    package: row.package,
    version: row.version,
    type: 'lxc',
    os: row.os,
    section: location.slice(0, location.indexOf('/')),
    architecture: 'amd64',
    location: `${source}/${location}`,
    source,
    headline: row.headline ?? `LXC default image for ${row.os} (${row.version})`,
    description: '',
    infopage: row.infopage ?? 'https://linuxcontainers.org',
    maintainer: 'Proxmox Support Team <support@proxmox.com>',
    md5sum: row.md5sum ?? createHash('md5').update(template).digest('hex'),
    sha512sum: row.sha512sum ?? createHash('sha512').update(template).digest('hex'),
    sizeBytes: row.sizeBytes,
  };
}

/**
 * The catalogue of the public index.
 *
 * @returns fresh entries, in the order of the index.
 */
export function officialCatalogue(): SimCatalogueEntry[] {
  return catalogueRows.map(catalogueEntry);
}

/** What a template archive contains, as far as creating a container depends on it. */
export interface ApplianceContent {
  /** The `ostype` that creation detects; absent: `unable to detect OS distribution`. */
  readonly ostype?: string;
  readonly arch: string;
  /** Version of systemd inside, where that is the init. */
  readonly systemd?: number;
  /** Size of the unpacked files in bytes. */
  readonly unpackedBytes: number;
  /** An OCI image archive rather than a file system. */
  readonly oci?: true;
}

/** Start of the file name → ostype and systemd version; the first that fits counts. */
const distributions: readonly (readonly [prefix: string, ostype: string, systemd?: number])[] = [
  ['almalinux-10', 'centos', 257],
  ['almalinux', 'centos', 252],
  ['alpine', 'alpine'],
  ['archlinux', 'archlinux', 260],
  ['centos-10', 'centos', 257],
  ['centos', 'centos', 252],
  ['debian-11', 'debian', 247],
  ['debian-12', 'debian', 252],
  ['debian', 'debian', 257],
  ['devuan', 'devuan'],
  ['fedora-43', 'fedora', 258],
  ['fedora', 'fedora', 260],
  ['gentoo', 'gentoo'],
  ['nixos', 'nixos', 258],
  ['openeuler', 'centos', 255],
  ['opensuse-15', 'opensuse', 254],
  ['opensuse', 'opensuse', 257],
  ['proxmox-mail-gateway-8', 'debian', 252],
  ['proxmox-mail-gateway', 'debian', 257],
  ['rockylinux-10', 'centos', 257],
  ['rockylinux', 'centos', 252],
  ['ubuntu-20.04', 'ubuntu', 245],
  ['ubuntu-22.04', 'ubuntu', 249],
  ['ubuntu-24.04', 'ubuntu', 255],
  ['ubuntu-25.04', 'ubuntu', 257],
  ['ubuntu', 'ubuntu', 259],
];

const unpackedRatio: Readonly<Record<string, number>> = { tar: 1, gz: 2.6, bz2: 2.8, xz: 2.4, zst: 4.4 };

/**
 * Guesses an archive's content from its file name, the way names of official templates are made.
 *
 * @param fileName - for example `debian-13-standard_13.6-1_amd64.tar.zst`.
 * @param sizeBytes - size of the archive.
 * @returns the content; without `ostype` when the name is of no known distribution.
 */
export function contentByName(fileName: string, sizeBytes: number): ApplianceContent {
  const row = distributions.find(([prefix]) => fileName.startsWith(prefix));
  const ending = fileName.slice(fileName.lastIndexOf('.') + 1);
  const unpacked = sizeBytes * (unpackedRatio[ending] ?? 2);
  return {
    ...(row === undefined ? {} : { ostype: row[1] }),
    arch: /_(amd64|i386|arm64|armhf|riscv64)\b/.exec(fileName)?.[1] ?? 'amd64',
    ...(row?.[2] === undefined ? {} : { systemd: row[2] }),
    unpackedBytes: Math.ceil(unpacked / 10_240) * 10_240, // tar works in records of 10 KiB
  };
}

/**
 * Tells what a template volume contains: `meta.appliance` when the volume has it (set by downloads from a URL, uploads
 * and OCI pulls), else by its name.
 *
 * @param volume - a volume of content `vztmpl`.
 * @returns its content.
 */
export function applianceContent(volume: SimVolume): ApplianceContent {
  const stored = volume.meta?.['appliance'];
  if (stored !== undefined) return stored as ApplianceContent;
  return contentByName(volume.volid.slice(volume.volid.lastIndexOf('/') + 1), volume.sizeBytes);
}

/** What vzdump saves of a container. */
export interface BackupContent {
  readonly vmid: number;
  /** The current section of the config, under the API's keys. */
  readonly config: Readonly<Record<string, string>>;
  /** Raw `lxc.*` lines. */
  readonly raw: readonly (readonly [string, string])[];
  /** What the saved volumes held, in bytes. */
  readonly contentBytes?: number;
  /** Version of systemd inside. */
  readonly systemd?: number;
}

/**
 * Tells what a backup contains.
 *
 * @param volume - a volume of content `backup`.
 * @returns the saved container (`meta.backup`), or `undefined` for a file that is no backup of one.
 */
export function backupContent(volume: SimVolume): BackupContent | undefined {
  return volume.meta?.['backup'] as BackupContent | undefined;
}

/** Check sums that the API knows. */
const sumAlgorithms: readonly string[] = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];

/**
 * All check sums of some bytes.
 *
 * @param bytes - content of a file.
 * @returns hex digits by algorithm.
 */
export function sumsOf(bytes: Uint8Array | string): Record<string, string> {
  return Object.fromEntries(
    sumAlgorithms.map((name) => [name, createHash(name).update(bytes).digest('hex')]),
  );
}

/**
 * Check sums of an entry's file. Only those of the catalogue are real; the others follow from its address.
 *
 * @param entry - entry of the catalogue.
 */
export function catalogueSums(entry: SimCatalogueEntry): Record<string, string> {
  const { md5sum } = entry;
  return {
    ...sumsOf(entry.location),
    sha512: entry.sha512sum,
    ...(typeof md5sum === 'string' ? { md5: md5sum } : {}),
  };
}

/**
 * Check sums of an archive on a storage: `meta.sums`, else those of the catalogue's entry of the same name (what is on a
 * storage from the start came from there).
 *
 * @param volume - the volume.
 * @param catalogue - the node's catalogue.
 * @returns hex digits by algorithm; empty for a file of unknown content.
 */
export function volumeSums(
  volume: SimVolume,
  catalogue: readonly SimCatalogueEntry[],
): Readonly<Record<string, string>> {
  const known = volume.meta?.['sums'];
  if (known !== undefined) return known as Record<string, string>;
  const name = volume.volid.slice(volume.volid.lastIndexOf('/') + 1);
  const entry = catalogue.find((other) => other.template === name);
  return entry ? catalogueSums(entry) : {};
}

/** Endings of file names by kind of file, and the format that a listing shows; the longest that fits counts. */
const endings: readonly (readonly [content: string, ending: string, format: string])[] = [
  ['vztmpl', '.tar.gz', 'tgz'],
  ['vztmpl', '.tar.xz', 'txz'],
  ['vztmpl', '.tar.zst', 'tzst'],
  ['vztmpl', '.tar.bz2', 'tbz2'],
  ['vztmpl', '.tar', 'tar'],
  ['iso', '.iso', 'iso'],
  ['iso', '.img', 'iso'],
  ['import', '.ova', 'ova'],
  ['import', '.ovf', 'ovf'],
  ['import', '.qcow2', 'qcow2'],
  ['import', '.raw', 'raw'],
  ['import', '.vmdk', 'vmdk'],
];

/**
 * Format of a file by its name.
 *
 * @param content - `vztmpl`, `iso` or `import`.
 * @param fileName - name without folders.
 * @returns the format as listings show it, or `undefined` when the name does not end as this kind of file must.
 */
export function formatByName(content: string, fileName: string): string | undefined {
  const lower = fileName.toLowerCase();
  return endings.find(
    ([kind, ending]) => kind === content && lower.endsWith(ending) && lower.length > ending.length,
  )?.[2];
}
