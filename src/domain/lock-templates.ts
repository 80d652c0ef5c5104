/** What the templates of a fleet are to be pinned to, first and on an upgrade. Pure. */
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { compareTemplateFiles, resolveTemplate } from './appliance.ts';
import {
  chooseTemplate,
  lockKeyOf,
  type TemplateRules,
  type TemplateStock,
  type TemplateUser,
  templatePlace,
} from './choose-template.ts';
import type { DesiredFleet } from './desired.ts';
import { type LockedTemplate, lockEntryOf } from './template-source.ts';

/** A storage that needs an archive. */
interface LockPlace {
  readonly node: string;
  readonly storage: string;
  /** It is there already. */
  readonly stored: boolean;
}

/** What becomes of one reference. */
export interface LockMove {
  /** Reference as the fleet file writes it. */
  readonly name: string;
  /** Absent: not pinned so far. */
  readonly from?: LockedTemplate;
  readonly to: LockedTemplate;
  /** Storages that new containers would need it on. */
  readonly storages: readonly LockPlace[];
}

/** What becomes of the lock file. */
export interface LockPlan {
  readonly moves: readonly LockMove[];
  /** References that stay as they are. */
  readonly kept: readonly string[];
  /** References that nothing fits. */
  readonly problems: readonly { readonly name: string; readonly diagnostic: Diagnostic }[];
}

/**
 * The references of a fleet that can be pinned.
 *
 * @returns reference → containers that use it, in natural order; volumes are exact already and not among them.
 */
export function lockable(fleet: Pick<DesiredFleet, 'containers'>): Map<string, TemplateUser[]> {
  const users = new Map<string, TemplateUser[]>();
  for (const desired of fleet.containers) {
    const key = lockKeyOf(desired);
    if (key !== undefined) users.set(key, [...(users.get(key) ?? []), desired]);
  }
  return new Map([...users].sort(([a], [b]) => naturalCompare(a, b)));
}

const fileOf = (volid: string): string => volid.slice(volid.lastIndexOf('/') + 1);
const newest = (files: readonly string[]): string | undefined => [...files].sort(compareTemplateFiles)[0];

/** Files that a reference may be pinned to. */
interface Candidates {
  /** Newest of the catalogue. */
  readonly offered: string | undefined;
  /** Newest on the storages in reach of each container. */
  readonly stored: readonly string[];
  /** Those of `stored` that every container can use: from its storages, or from the catalogue. */
  readonly everywhere: readonly string[];
  readonly diagnostic: Diagnostic | undefined;
}

function candidates(rules: TemplateRules, users: readonly TemplateUser[], stock: TemplateStock): Candidates {
  const [first] = users as [TemplateUser, ...TemplateUser[]];
  const online = resolveTemplate(
    first.template,
    templatePlace(first),
    { ...stock, templates: [] },
    rules.aliases,
  );
  const offline = { ...stock, catalogue: [] };
  const stored = users.flatMap((user) => {
    const choice = resolveTemplate(user.template, templatePlace(user), offline, rules.aliases);
    return choice.kind === 'stored' ? [fileOf(choice.volid)] : [];
  });
  const isOffered = (file: string): boolean => stock.catalogue.some(({ template }) => template === file);
  const isStored = (file: string, user: TemplateUser): boolean =>
    resolveTemplate(file, templatePlace(user), offline).kind === 'stored';
  const distinct = [...new Set(stored)];
  return {
    offered: online.kind === 'download' ? online.template : undefined,
    stored: distinct,
    everywhere: distinct.filter((file) => isOffered(file) || users.every((user) => isStored(file, user))),
    diagnostic: online.kind === 'missing' ? online.diagnostic : undefined,
  };
}

function catalogueEntry(file: string, stock: TemplateStock): LockedTemplate {
  const sha512 = stock.catalogue.find(({ template }) => template === file)?.sha512?.toLowerCase();
  return { file, ...(sha512 === undefined ? {} : { sha512 }), source: 'catalogue' };
}

/**
 * What a reference would be pinned to.
 *
 * @param prefer - `stored`: what a plan without a lock file would take, so that pinning changes nothing; `newest`: the
 *   newest that all containers can have.
 */
function proposal(
  rules: TemplateRules,
  users: readonly TemplateUser[],
  stock: TemplateStock,
  prefer: 'stored' | 'newest',
): LockedTemplate | { readonly diagnostic: Diagnostic } {
  const [first] = users as [TemplateUser, ...TemplateUser[]];
  const own = Object.hasOwn(rules.sources ?? {}, first.template)
    ? rules.sources?.[first.template]
    : undefined;
  if (own?.kind === 'file' && own.local && 'problem' in own.local) {
    const message = `the template ${own.path} cannot be read: ${own.local.problem}`;
    return { diagnostic: { severity: 'error', code: 'TEMPLATE_FILE_UNREADABLE', message } };
  }
  if (own) return lockEntryOf(first.template, own);
  const { offered, stored, everywhere, diagnostic } = candidates(rules, users, stock);
  const online = offered === undefined ? [] : [offered];
  const file =
    (prefer === 'stored' ? newest(everywhere) : newest([...everywhere, ...online])) ??
    offered ??
    newest(stored);
  if (file !== undefined) return catalogueEntry(file, stock);
  return {
    diagnostic: diagnostic ?? { severity: 'error', code: 'TEMPLATE_NOT_FOUND', message: 'no template fits' },
  };
}

const isSame = (a: LockedTemplate, b: LockedTemplate): boolean =>
  a.file === b.file && a.source === b.source && a.sha512 === b.sha512;

function placesOf(
  rules: TemplateRules,
  name: string,
  to: LockedTemplate,
  users: readonly TemplateUser[],
  stock: TemplateStock,
): LockPlace[] {
  const pinned = { ...rules, lock: { ...rules.lock, [name]: to } };
  const places = new Map<string, LockPlace>();
  for (const user of users) {
    const choice = chooseTemplate(pinned, user, stock);
    if (choice.kind === 'missing') continue;
    const storage = choice.volid.slice(0, choice.volid.indexOf(':'));
    const isShared = stock.storages.some((one) => one.storage === storage && one.shared);
    const place = { node: user.node, storage, stored: choice.kind === 'stored' };
    const key = isShared ? storage : `${user.node}/${storage}`;
    if (!places.has(key)) places.set(key, place);
  }
  return [...places.values()].sort(
    (a, b) => naturalCompare(a.node, b.node) || naturalCompare(a.storage, b.storage),
  );
}

/**
 * Decides what `template lock` and `template upgrade` write.
 *
 * @param fleet - the file with its present lock.
 * @param stock - storages, archives and catalogue of the whole cluster.
 * @param how - `lock`: only references that are not pinned, and checksums that were not known; `upgrade`: the newest for
 *   all references, or for those of `names`.
 * @returns what moves; nothing ever leaves the lock, because several fleet files may share one.
 */
export function planLock(
  fleet: DesiredFleet,
  stock: TemplateStock,
  how: { readonly kind: 'lock' } | { readonly kind: 'upgrade'; readonly names: readonly string[] },
): LockPlan {
  const moves: LockMove[] = [];
  const kept: string[] = [];
  const problems: { name: string; diagnostic: Diagnostic }[] = [];
  for (const [name, users] of lockable(fleet)) {
    const from = Object.hasOwn(fleet.lock ?? {}, name) ? fleet.lock?.[name] : undefined;
    const isMeant =
      how.kind === 'lock' ? from === undefined : how.names.length === 0 || how.names.includes(name);
    const to = isMeant
      ? proposal(fleet, users, stock, how.kind === 'lock' ? 'stored' : 'newest')
      : from && from.sha512 === undefined && from.source === 'catalogue'
        ? catalogueEntry(from.file, stock)
        : from;
    if (to && 'diagnostic' in to) problems.push({ name, diagnostic: to.diagnostic });
    else if (!to || (from && isSame(from, to))) kept.push(name);
    else
      moves.push({ name, ...(from ? { from } : {}), to, storages: placesOf(fleet, name, to, users, stock) });
  }
  return { moves, kept, problems };
}
