/**
 * Appliance templates: which archive a short name stands for. What is stored already wins over what the catalogue offers,
 * so that a plan does not change by itself when the catalogue moves on.
 */
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { globMatcher } from '../util/glob.ts';
import { suggest } from '../util/suggest.ts';
import type { ClusterSnapshot, StorageInfo, StoredTemplate } from './actual.ts';
import type { TemplateAlias } from './desired.ts';
import type { TemplateSource } from './template-source.ts';

/** The parts of an archive's file name. */
export interface TemplateName {
  readonly package: string;
  readonly version: string;
  readonly architecture?: string;
}

/** Where a template is needed. */
export interface TemplatePlace {
  readonly node: string;
  /** Only this storage; absent: any of the node that takes templates. */
  readonly storage?: string;
  readonly architecture?: string;
}

/** What a template name comes to. */
export type TemplateChoice =
  | { readonly kind: 'stored'; readonly volid: string }
  | {
      readonly kind: 'download';
      readonly volid: string;
      readonly node: string;
      readonly storage: string;
      readonly template: string;
      /** Absent: the catalogue. */
      readonly from?: TemplateSource;
    }
  | { readonly kind: 'missing'; readonly diagnostic: Diagnostic };

/** What is looked through. */
export type TemplateSources = Pick<ClusterSnapshot, 'storages' | 'templates' | 'catalogue'>;

/**
 * Takes a file name apart.
 *
 * @param file - for example `debian-13-standard_13.1-2_amd64.tar.zst`.
 * @returns package, version and architecture; a name of another form is all package.
 */
export function parseTemplateName(file: string): TemplateName {
  const match = /^([^_]+)_([^_]+)_([a-z0-9]+)\.tar(?:\.\w+)?$/.exec(file);
  if (!match) return { package: file.replace(/\.tar(?:\.\w+)?$/, ''), version: '' };
  const [, name = '', version = '', architecture = ''] = match;
  return { package: name, version, architecture };
}

interface Candidate {
  readonly file: string;
  readonly name: TemplateName;
}

type Predicate = (candidate: Candidate & { readonly section?: string }) => boolean;

const isGlob = (text: string): boolean => /[*?{]/.test(text);
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What a name may mean; the first predicate that finds anything decides. */
function meanings(ref: string, alias: TemplateAlias | undefined): Predicate[] {
  const byPattern = (pattern: string): Predicate => {
    const matches = globMatcher(pattern);
    return ({ file, name }) => matches(file) || matches(name.package);
  };
  if (alias) {
    const matches = byPattern(alias.pattern);
    return [
      (candidate) =>
        matches(candidate) &&
        (alias.section === undefined ||
          candidate.section === undefined ||
          candidate.section === alias.section) &&
        (alias.architecture === undefined ||
          candidate.name.architecture === undefined ||
          candidate.name.architecture === alias.architecture),
    ];
  }
  if (isGlob(ref)) return [byPattern(ref)];
  // `debian-13` and `debian` mean the plain image of the distribution, never a TurnKey appliance built on it
  const plain = new RegExp(
    `^${literal(ref)}(?:[-.]\\d[\\w.]*)?(?:-stream|-current)?(?:-(?:standard|default|base|openrc|systemd|cloud|minimal))?$`,
  );
  return [
    ({ file }) => file === ref,
    ({ name }) => name.package === ref,
    ({ name }) => plain.test(name.package),
  ];
}

/** Newest first; the architecture of most hosts first among equals. */
function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    naturalCompare(b.name.package, a.name.package) ||
    naturalCompare(b.name.version, a.name.version) ||
    Number(b.name.architecture === 'amd64') - Number(a.name.architecture === 'amd64') ||
    naturalCompare(a.file, b.file)
  );
}

/** Orders archives of one template by their names, the newest first. */
export function compareTemplateFiles(a: string, b: string): number {
  return compareCandidates({ file: a, name: parseTemplateName(a) }, { file: b, name: parseTemplateName(b) });
}

function pick<T extends Candidate>(
  candidates: readonly T[],
  tests: readonly Predicate[],
  architecture?: string,
): T[] {
  const fitting = candidates.filter(
    ({ name }) =>
      architecture === undefined || name.architecture === undefined || name.architecture === architecture,
  );
  for (const test of tests) {
    const found = fitting.filter(test);
    if (found.length > 0) return found.sort(compareCandidates);
  }
  return [];
}

const fileOf = (volid: string): string => volid.slice(volid.lastIndexOf('/') + 1);

/** Storages of a node that take templates, in natural order. */
export function templateStorages(node: string, storages: readonly StorageInfo[]): StorageInfo[] {
  return storages
    .filter((storage) => storage.node === node && storage.active && storage.content.includes('vztmpl'))
    .sort((a, b) => naturalCompare(a.storage, b.storage));
}

/** Tells whether a node can use an archive that was seen on this or another node. */
function isWithinReach(
  template: StoredTemplate,
  place: TemplatePlace,
  storages: readonly StorageInfo[],
): boolean {
  if (place.storage !== undefined && template.storage !== place.storage) return false;
  return (
    template.node === place.node ||
    storages.some(
      ({ storage, node, shared }) => storage === template.storage && node === place.node && shared,
    )
  );
}

function missing(ref: string, place: TemplatePlace, files: readonly Candidate[]): TemplateChoice {
  const names = new Set(files.map(({ name }) => name.package));
  const near = suggest(ref, names) ?? [...names].sort(naturalCompare).find((name) => name.startsWith(ref));
  return {
    kind: 'missing',
    diagnostic: {
      severity: 'error',
      code: 'TEMPLATE_NOT_FOUND',
      message: `no template '${ref}' on ${place.storage ?? `the storages of ${place.node}`} and none in the catalogue`,
      hint: near
        ? `did you mean ${near}?`
        : 'see what there is: pvefleet template list --available; `pveam update` on the host renews the catalogue',
    },
  };
}

/**
 * Finds the archive that a template name means.
 *
 * @param ref - volume id, file name, package, alias, short name such as `debian-13`, or glob.
 * @param place - node, and storage and architecture where they matter.
 * @param sources - storages, their archives, and the catalogue (empty: nothing can be downloaded).
 * @param aliases - short names of templates/catalog.yaml.
 * @returns the stored archive, what to download, or a finding with a suggestion.
 */
export function resolveTemplate(
  ref: string,
  place: TemplatePlace,
  sources: TemplateSources,
  aliases: Readonly<Record<string, TemplateAlias>> = {},
): TemplateChoice {
  const stored = sources.templates
    .filter((template) => isWithinReach(template, place, sources.storages))
    .map(({ volid }) => ({ volid, file: fileOf(volid), name: parseTemplateName(fileOf(volid)) }))
    .sort((a, b) => naturalCompare(a.volid, b.volid));
  const offered = sources.catalogue.map(({ template, section }) => ({
    file: template,
    section,
    name: parseTemplateName(template),
  }));
  const download = (template: string, storage: string): TemplateChoice => ({
    kind: 'download',
    volid: `${storage}:vztmpl/${template}`,
    node: place.node,
    storage,
    template,
  });
  if (ref.includes(':')) {
    const file = fileOf(ref);
    const isOffered = offered.some((candidate) => candidate.file === file);
    return stored.some(({ volid }) => volid === ref) || !isOffered
      ? { kind: 'stored', volid: ref }
      : download(file, ref.slice(0, ref.indexOf(':')));
  }
  const tests = meanings(ref, Object.hasOwn(aliases, ref) ? aliases[ref] : undefined);
  const [present] = pick(stored, tests, place.architecture);
  if (present) return { kind: 'stored', volid: present.volid };
  const [newest] = pick(offered, tests, place.architecture);
  if (!newest) return missing(ref, place, [...stored, ...offered]);
  const storage = place.storage ?? templateStorages(place.node, sources.storages)[0]?.storage;
  return storage === undefined
    ? {
        kind: 'missing',
        diagnostic: {
          severity: 'error',
          code: 'TEMPLATE_STORAGE_MISSING',
          message: `no storage of ${place.node} takes templates`,
          hint: 'allow the content type vztmpl on one of its storages',
        },
      }
    : download(newest.file, storage);
}
