/** Where archives of templates come from, and what `templates.lock` pins. Pure data. */

/** Checksums that Proxmox VE can verify. */
const checksumDigits: Readonly<Record<string, number>> = {
  md5: 32,
  sha1: 40,
  sha224: 56,
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

/** Checksum of an archive. */
export interface Checksum {
  /** `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`. */
  readonly algorithm: string;
  /** Hex digits in lower case. */
  readonly value: string;
}

/** What is known of a file on this machine once it was read; the problem when it could not be. */
export type LocalFile =
  | { readonly sha512: string; readonly sizeBytes: number }
  | { readonly problem: string };

/** Where an archive comes from that the catalogue does not have. */
export type TemplateSource =
  | { readonly kind: 'url'; readonly url: string; readonly checksum?: Checksum }
  | { readonly kind: 'oci'; readonly reference: string }
  | {
      readonly kind: 'file';
      /** As the fleet file writes it. */
      readonly path: string;
      /** Where it is on this machine. */
      readonly location: string;
      /** Filled in when a plan needs to upload it. */
      readonly local?: LocalFile;
    };

/** What a reference is pinned to. */
export interface LockedTemplate {
  /** Exact file name. */
  readonly file: string;
  /** Hex digits; absent where nobody knows it: images of registries, archives that the catalogue does not list. */
  readonly sha512?: string;
  /** `catalogue`, a URL, `oci:REFERENCE` or `file:PATH`. */
  readonly source: string;
}

/** The content of `templates.lock`: reference as the fleet file writes it → archive. */
export type TemplateLock = Readonly<Record<string, LockedTemplate>>;

/**
 * What an own template would be pinned to.
 *
 * @param file - name of the archive on the storages.
 * @param source - where it comes from.
 * @returns the entry; the checksum of a local file only once it was read.
 */
export function lockEntryOf(file: string, source: TemplateSource): LockedTemplate {
  switch (source.kind) {
    case 'url': {
      const { url, checksum } = source;
      return { file, ...(checksum?.algorithm === 'sha512' ? { sha512: checksum.value } : {}), source: url };
    }
    case 'oci':
      return { file, source: `oci:${source.reference}` };
    case 'file': {
      const { local, path } = source;
      return {
        file,
        ...(local && 'sha512' in local ? { sha512: local.sha512 } : {}),
        source: `file:${path}`,
      };
    }
  }
}

/** File name of an archive that is pulled from a registry, when none is given: `alpine_3.22.tar`. */
export function ociFileName(reference: string): string {
  return `${reference.replace(/^.*\//, '').replaceAll(/[^\w.-]/g, '_')}.tar`;
}

/** Tells whether a storage takes a file of this name as a template, under this very name. */
export function isTemplateFileName(name: string): boolean {
  return /^[A-Za-z0-9_][\w.-]*\.tar(?:\.(?:gz|xz|zst|bz2))?$/.test(name) && name.length <= 255;
}

/**
 * Reads a checksum as people write it.
 *
 * @param text - `sha512:HEX`.
 * @returns the checksum, or what is wrong with it.
 */
export function parseChecksum(text: string): Checksum | { readonly problem: string } {
  const [, algorithm = '', value = ''] = /^([a-z0-9]+):(.*)$/i.exec(text.trim()) ?? [];
  const name = algorithm.toLowerCase();
  const digits = Object.hasOwn(checksumDigits, name) ? checksumDigits[name] : undefined;
  if (digits === undefined)
    return { problem: `write it as sha512:HEX; known are ${Object.keys(checksumDigits).join(', ')}` };
  return new RegExp(`^[0-9a-f]{${digits}}$`, 'i').test(value)
    ? { algorithm: name, value: value.toLowerCase() }
    : { problem: `${name} has ${digits} hex digits` };
}

/** The form of references to images: `[registry/]repository:tag`, the tag is needed. */
export const ociReference: RegExp = new RegExp(
  '^(?:[a-zA-Z\\d](?:[a-zA-Z\\d-]*[a-zA-Z\\d])?(?:\\.[a-zA-Z\\d](?:[a-zA-Z\\d-]*[a-zA-Z\\d])?)*(?::\\d+)?/)?' +
    '[a-z\\d]+(?:(?:[._]|__|-+)[a-z\\d]+)*(?:/[a-z\\d]+(?:(?:[._]|__|-+)[a-z\\d]+)*)*:\\w[\\w.-]{0,127}$',
);
