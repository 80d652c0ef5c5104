/** What the flags of `template download` and `template upload` mean. */
import {
  isTemplateFileName,
  ociFileName,
  ociReference,
  parseChecksum,
  type TemplateSource,
} from '../domain/template-source.ts';
import { UsageError } from '../util/errors.ts';
import type { Options } from './options.ts';

/** An archive and where it comes from. */
export interface NamedSource {
  readonly file: string;
  readonly source: TemplateSource;
}

/** Node and storage, as far as they are given. */
export function fetchTarget(options: Pick<Options, 'node' | 'storage'>): { node?: string; storage?: string } {
  const { node, storage } = options;
  return { ...(node === undefined ? {} : { node }), ...(storage === undefined ? {} : { storage }) };
}

/**
 * Checks a file name.
 *
 * @param name - given, or taken from a URL or path.
 * @param ending - the only one that will do; default: any that the server takes.
 * @returns the name.
 * @throws UsageError when the server would refuse or change it.
 */
export function templateFileName(name: string, ending?: string): string {
  if (isTemplateFileName(name) && (ending === undefined || name.endsWith(ending))) return name;
  const endings = ending ?? '.tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2';
  throw new UsageError(`'${name}' is not a file name of a template`, {
    hint: `give one with --filename: letters, digits, _ - and ., ending with ${endings}`,
  });
}

function fromUrl(url: string, options: Options): NamedSource {
  if (!/^https?:\/\/\S+$/.test(url) || !URL.canParse(url))
    throw new UsageError(`'${url}' is no URL`, { hint: 'it begins with https:// or http://' });
  const parsed = new URL(url);
  if (parsed.username !== '' || parsed.password !== '')
    throw new UsageError('the URL holds a user name or password, which would be in plans and logs', {
      hint: 'download it yourself, then: pvefleet template upload FILE',
    });
  const sum = options.checksum === undefined ? undefined : parseChecksum(options.checksum);
  if (sum && 'problem' in sum)
    throw new UsageError(`'${options.checksum}' is no checksum`, { hint: sum.problem });
  const file = templateFileName(options.filename ?? parsed.pathname.replace(/^.*\//, ''));
  return { file, source: { kind: 'url', url, ...(sum ? { checksum: sum } : {}) } };
}

function fromRegistry(reference: string, options: Options): NamedSource {
  if (!ociReference.test(reference))
    throw new UsageError(`'${reference}' is no reference to an image`, {
      hint: 'write [registry/]image:tag, for example docker.io/library/alpine:3.22',
    });
  const file = templateFileName(options.filename ?? ociFileName(reference), '.tar');
  return { file, source: { kind: 'oci', reference } };
}

/**
 * The archive that `template download` is to fetch from elsewhere than the catalogue.
 *
 * @param wanted - the operand: a URL, or a name of the catalogue.
 * @param options - flags.
 * @returns the archive; undefined: `wanted` is a name of the catalogue.
 * @throws UsageError when there is not exactly one thing to fetch, or a flag does not fit it.
 */
export function sourceOf(wanted: string | undefined, options: Options): NamedSource | undefined {
  const { archiveUrl, oci, checksum, filename } = options;
  const given = [wanted, archiveUrl, oci].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw new UsageError(
      given.length === 0 ? 'nothing to download is given' : 'only one thing can be downloaded at a time',
      {
        hint: 'give a name of the catalogue, or --url URL, or --oci IMAGE:TAG',
      },
    );
  const url = archiveUrl ?? (wanted !== undefined && /^https?:\/\//.test(wanted) ? wanted : undefined);
  if (url === undefined && checksum !== undefined)
    throw new UsageError('--checksum is for downloads from a URL', {
      hint:
        oci === undefined ? 'the catalogue has its own checksums' : 'registries have digests of their own',
    });
  if (url !== undefined) return fromUrl(url, options);
  if (oci !== undefined) return fromRegistry(oci, options);
  if (filename !== undefined)
    throw new UsageError('--filename is for downloads from a URL or a registry', {
      hint: 'archives of the catalogue keep their names',
    });
  return undefined;
}
