/**
 * The section `templates` of a fleet file: an alias is a text (pattern or volume), or says where an archive comes from:
 * `{ url, checksum }`, `{ oci }` or `{ file }`, each with an optional `filename`. No zod, no file access.
 */
import {
  isTemplateFileName,
  ociFileName,
  ociReference,
  parseChecksum,
  type TemplateSource,
} from '../domain/template-source.ts';
import { suggest } from '../util/suggest.ts';
import type { CatalogAliases } from './catalog.ts';
import type { Findings } from './findings.ts';
import { checkTemplate } from './formats.ts';
import { type MapTree, toPlain } from './tree.ts';
import { textValue, type ValueCheck, type ValueProblem } from './values.ts';

/** Keys of each kind; the first tells the kind. */
const kinds: readonly (readonly [kind: 'url' | 'oci' | 'file', more: readonly string[]])[] = [
  ['url', ['checksum', 'filename']],
  ['oci', ['filename']],
  ['file', ['filename']],
];
const kindHint =
  'write { url: https://…, checksum: sha512:… }, { oci: registry/image:tag } or { file: ./x.tar.zst }';

type Given = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Given =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const lastPart = (path: string): string => path.replace(/[?#].*$/, '').replace(/^.*[/\\]/, '');

/** File name of the archive; the checks are {@link templateSourceValue}. */
function fileNameOf({ filename, url, oci, file }: Given): string {
  if (typeof filename === 'string') return filename;
  if (typeof oci === 'string') return ociFileName(oci);
  return lastPart(String(url ?? file));
}

function checkUrl(url: string): ValueProblem | undefined {
  if (/^https?:\/\/\S+$/.test(url) && URL.canParse(url)) {
    const { username, password } = new URL(url);
    if (username === '' && password === '') return undefined;
    return {
      code: 'SPEC_SECRET',
      message: 'the URL holds a user name or password, which would be in plans and logs',
      hint: 'offer the archive without one, or download it and use { file: … }',
    };
  }
  return { code: 'SPEC_VALUE', message: `'${url}' is no URL`, hint: 'it begins with https:// or http://' };
}

const checks: Readonly<Record<string, (text: string) => ValueProblem | undefined>> = {
  url: checkUrl,
  oci: (text) =>
    ociReference.test(text)
      ? undefined
      : {
          code: 'SPEC_VALUE',
          message: `'${text}' is no reference to an image`,
          hint: 'write [registry/]image:tag in small letters, for example docker.io/library/alpine:3.22',
        },
  file: () => undefined,
  checksum: (text) => {
    const sum = parseChecksum(text);
    return 'problem' in sum
      ? { code: 'SPEC_VALUE', message: `'${text}' is no checksum`, hint: sum.problem }
      : undefined;
  },
  filename: () => undefined,
};

function checkFileName(given: Given): ValueProblem[] {
  const name = fileNameOf(given);
  const mustBeTar = typeof given['oci'] === 'string';
  if (isTemplateFileName(name) && (!mustBeTar || name.endsWith('.tar'))) return [];
  const path = given['filename'] === undefined ? [] : ['filename'];
  const endings = mustBeTar ? '.tar' : '.tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2';
  return [
    {
      code: 'SPEC_TEMPLATE',
      message: `'${name}' is not a file name of a template`,
      hint: `${path.length === 0 ? "add 'filename:' with a name" : 'use a name'} of letters, digits, _ - and . that ends with ${endings}`,
      path,
    },
  ];
}

function checkSource(value: Given): readonly ValueProblem[] {
  const found = kinds.filter(([kind]) => kind in value);
  const [first, second] = found;
  if (!first)
    return [{ code: 'SPEC_TEMPLATE', message: 'a template needs url, oci or file', hint: kindHint }];
  if (second)
    return [
      {
        code: 'SPEC_TEMPLATE',
        message: `${first[0]} and ${second[0]} exclude each other`,
        path: [second[0]],
      },
    ];
  const known = [first[0], ...first[1]];
  const problems = Object.entries(value).flatMap(([key, member]): ValueProblem[] => {
    if (!known.includes(key)) {
      const near = suggest(key, known);
      const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`;
      return [{ code: 'SPEC_UNKNOWN_KEY', message: `the key '${key}' is not known here`, hint, path: [key] }];
    }
    return textValue((text) => checks[key]?.(text) as never)(member).map((problem) => ({
      ...problem,
      path: [key],
    }));
  });
  return problems.length > 0 ? problems : checkFileName(value);
}

/** Check of one member of `templates`. */
export const templateSourceValue: ValueCheck = (value) =>
  isMap(value) ? checkSource(value) : textValue(checkTemplate)(value);

function sourceOf(given: Given, resolvePath: (path: string) => string): TemplateSource {
  const { url, oci, file, checksum } = given as Readonly<Record<string, string | undefined>>;
  if (url !== undefined) {
    const sum = checksum === undefined ? undefined : parseChecksum(checksum);
    return { kind: 'url', url, ...(sum && !('problem' in sum) ? { checksum: sum } : {}) };
  }
  if (oci !== undefined) return { kind: 'oci', reference: oci };
  const path = String(file);
  return { kind: 'file', path, location: resolvePath(path) };
}

/** Aliases of the file, those with a source of their own as the name of their archive. */
export interface OwnTemplates {
  readonly aliases: CatalogAliases;
  /** By the file name of the archive. */
  readonly sources: Readonly<Record<string, TemplateSource>>;
}

/**
 * Reads the section `templates`.
 *
 * @param tree - the section, checked before; invalid members are left out.
 * @param resolvePath - gives the absolute form of a path that the file writes.
 * @param findings - gets archives of the same name from different places.
 * @returns aliases and sources.
 */
export function readOwnTemplates(
  tree: MapTree | undefined,
  resolvePath: (path: string) => string,
  findings: Findings,
): OwnTemplates {
  const aliases: Record<string, string> = {};
  const sources: Record<string, TemplateSource> = {};
  for (const [alias, { key, value }] of tree?.entries ?? []) {
    const given = toPlain(value);
    if (typeof given === 'string') aliases[alias] = given;
    if (!isMap(given) || kinds.every(([kind]) => given[kind] === undefined)) continue;
    const name = fileNameOf(given);
    const source = sourceOf(given, resolvePath);
    const other = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (other && JSON.stringify(other) !== JSON.stringify(source))
      findings.report(
        {
          code: 'SPEC_DUPLICATE',
          message: `'${alias}' would be stored as ${name}, as another template of this file is`,
          hint: "give one of them a 'filename:' of its own",
        },
        key,
      );
    aliases[alias] = name;
    sources[name] = source;
  }
  return { aliases, sources };
}
