/**
 * Who owns a container: a tag, and one line in its description with fleet, key and the digest of what was last applied.
 * A container without that line is never touched unless the file says `adopt: true` for its vmid.
 */
import {
  joinDescription,
  type Ownership,
  type Records,
  recordNames,
  splitDescription,
} from '../codec/description.ts';
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { ApiRequest } from '../schema/request.ts';
import { digestOf } from '../util/canonical-json.ts';
import type { ActualContainer, ClusterSnapshot } from './actual.ts';
import type { DesiredContainer } from './desired.ts';
import { expiryTag, ownershipTag } from './field-row.ts';
import type { FieldChange } from './plan.ts';

/** How the cluster spells tags. */
export type TagStyle = ClusterSnapshot['tagStyle'];

const notCompared: readonly (keyof DesiredContainer)[] = [
  'origin',
  'vmid',
  'template',
  'templateName',
  'templateStorage',
  'access',
  'adopt',
  'renamedFrom',
  'dependsOn',
  'placement',
  'restart',
  'reset',
  'provision',
  'ready',
  'schedule',
];

/**
 * Digest of what the file asks for: what a container can be compared with. Where it stands in the file, its vmid, and
 * what only says how to create, take over or change it do not count, so that editing those is not taken for a reason
 * why the container differs.
 *
 * @param desired - one container.
 * @returns 64 hex digits.
 */
export function specDigestOf(desired: DesiredContainer): string {
  // what was chosen when planning is not what the file asks for
  if (desired.fileDigest !== undefined) return desired.fileDigest;
  const compared: Partial<DesiredContainer> = { ...desired };
  for (const member of notCompared) delete (compared as Record<string, unknown>)[member];
  // a node that was chosen here is not what the file asks for
  return digestOf(desired.placement === undefined ? compared : { ...compared, node: 'auto' });
}

/** What is said where the tag cannot be given. */
export const tagRefused: string = `this account may not give the tag ${ownershipTag}, so the line in the notes alone tells who owns a container`;

export const tagRefusedHint: string =
  'grant Sys.Modify on /, or take the tag out of registered-tags and allow it with user-tag-access of the datacenter';

/** What decides whether a container gets the tag. */
export interface Tagging {
  readonly ownTag?: ClusterSnapshot['ownTag'];
  /** Its config now; absent: it is new. */
  readonly now?: Pick<LxcConfig, 'tags' | 'description'>;
}

/**
 * PVE: a cluster may keep tags to those with Sys.Modify on `/` (registered-tags, user-tag-access); a call with such a tag
 * is refused as a whole. Then the line alone owns, and says so.
 */
function isTagless({ ownTag, now }: Tagging): boolean {
  if (ownTag === undefined || now?.tags?.includes(ownershipTag)) return false;
  return ownTag === 'refused' || splitDescription(now?.description ?? '').ownership?.tag === 'none';
}

/** What of a line outlives the container that it stands in; the other records end with it. */
const lasting = ['student', 'group', 'reset', 'unfrozen'] as const;

function lastingOf(line: Ownership | undefined): Partial<Ownership> {
  const kept = lasting.map((name) => [name, line?.[name]] as const);
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
}

/**
 * The ownership line that a container of this fleet gets.
 *
 * @param context.before - the line that it has, or had before it was made anew; its records are kept.
 * @param context.ownTag - whether it can have the tag as well; absent: it can.
 */
export function ownershipOf(
  fleet: string,
  desired: DesiredContainer,
  context: Tagging & { readonly before?: Ownership | undefined } = {},
): Ownership {
  const { key, placement, node, student, group, schedule } = desired;
  const kept = lastingOf(context.before);
  const { student: _student, group: _group, ...others } = kept;
  return {
    ...(student === undefined ? kept : { ...others, student }),
    ...(student === undefined || group === undefined ? {} : { group }),
    fleet,
    key,
    specDigest: specDigestOf(desired),
    ...(isTagless(context) ? { tag: 'none' } : {}),
    // a node that was chosen is no wish of the file, so that nothing is to be told from it later
    ...(placement === undefined ? { node } : {}),
    ...(schedule?.expiry === undefined ? {} : { expires: schedule.expiry.day }),
  };
}

/**
 * The records of a container, whoever owns it.
 *
 * @returns what its ownership line, or the line of its own, says; empty when there are none.
 */
export function recordsOf(actual: { readonly next: Pick<LxcConfig, 'description'> }): Records {
  const { ownership, records } = splitDescription(actual.next.description ?? '');
  const known: Records = { ...records, ...ownership };
  return Object.fromEntries(
    recordNames.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])),
  );
}

/** Whether the account that owns a container may not give it tags of ours, so that its line alone tells everything. */
export const isUntaggable = ({ description }: LxcConfig): boolean =>
  splitDescription(description ?? '').ownership?.tag === 'none';

/** The line that a container of this fleet gets, with the records that it has already. */
export function renewedLine(owner: Ownership, actual: Pick<ActualContainer, 'next'>): Ownership {
  const { told, ...records } = recordsOf(actual);
  // what was told of another end than the file has now counts no more, as with the tags
  const [, , day] = expiryTag.exec(told ?? '') ?? [];
  return { ...owner, ...records, ...(told === undefined || day !== owner.expires ? {} : { told }) };
}

/** `lab/web01`, for messages. */
export const ownerName = (owner: Pick<Ownership, 'fleet' | 'key'>): string => `${owner.fleet}/${owner.key}`;

/** Tags as the server will store them. */
function spellTags(tags: readonly string[], style: TagStyle): string[] {
  const spelled = [...new Set(style.caseSensitive ? tags : tags.map((tag) => tag.toLowerCase()))];
  return style.keepOrder ? spelled : spelled.sort();
}

/**
 * Spells the tags of the file as the cluster stores them, so that they can be compared.
 *
 * @param desired - one container.
 * @param style - the datacenter's tag style.
 * @returns the same container with its tags normalised.
 */
export function withClusterTags(desired: DesiredContainer, style: TagStyle): DesiredContainer {
  const { tags } = desired.options;
  return tags ? { ...desired, options: { ...desired.options, tags: spellTags(tags, style) } } : desired;
}

/** Tags without those that tell of another end than the file has now. */
const currentTags = (tags: readonly string[], { expires }: Ownership): readonly string[] =>
  tags.filter((tag) => {
    const [, , day] = expiryTag.exec(tag.toLowerCase()) ?? [];
    return day === undefined || day === expires;
  });

/**
 * What has to be written so that a container shows the end that the file gives it.
 *
 * @param actual - the container.
 * @param owner - who should own it.
 * @returns the change, or undefined.
 */
export function expiryChange(
  actual: Pick<ActualContainer, 'next'>,
  owner: Ownership,
): FieldChange | undefined {
  const { ownership } = splitDescription(actual.next.description ?? '');
  const [from, to] = [ownership?.expires ?? null, owner.expires ?? null];
  // with a new line everything in it is new
  return from === to || !ownership ? undefined : { field: 'expires', from, to, effect: 'live' };
}

/**
 * Puts tag and line of an owner on a config.
 *
 * @returns the config with both; with the line alone where the owner has no tag.
 */
export function claim(config: LxcConfig, owner: Ownership, style: TagStyle): LxcConfig {
  return {
    ...config,
    ...(owner.tag === 'none'
      ? {}
      : { tags: spellTags([...currentTags(config.tags ?? [], owner), ownershipTag], style) }),
    description: joinDescription(config.description ?? '', owner),
  };
}

/** Student and group of a line, for people: `anna (A)`. */
export const studentName = ({ student, group }: Pick<Ownership, 'student' | 'group'>): string =>
  group === undefined ? (student ?? '') : `${student} (${group})`;

/** The student or the group of the line is another one; a file without a roster says nothing about them. */
function studentChange(found: Ownership | undefined, owner: Ownership): FieldChange | undefined {
  if (owner.student === undefined || !found) return undefined;
  if (found.student === owner.student && found.group === owner.group) return undefined;
  const from = found.student === undefined ? null : studentName(found);
  return { field: 'student', from, to: studentName(owner), effect: 'live' };
}

/**
 * What has to be written so that a container shows its owner. A digest that differs alone is no change.
 *
 * @param actual - the container.
 * @param owner - who should own it.
 * @returns the change, or undefined when tag and line are there.
 */
export function ownershipChange(
  actual: Pick<ActualContainer, 'next'>,
  owner: Ownership,
): FieldChange | undefined {
  const { ownership } = splitDescription(actual.next.description ?? '');
  const hasTag = owner.tag === 'none' || (actual.next.tags?.includes(ownershipTag) ?? false);
  const to = ownerName(owner);
  const from = ownership ? ownerName(ownership) : null;
  if (from === to && hasTag) return studentChange(ownership, owner);
  return { field: 'ownership', from: from === to ? `${from} (without its tag)` : from, to, effect: 'live' };
}

type Params = ApiRequest['params'];

/**
 * Takes the ownership tag out of a request that was refused because of it; the line tells that it is missing.
 *
 * @param request - creates or configures a container.
 * @returns its parameters without the tag, or undefined when they do not have it.
 */
export function withoutOwnershipTag({ method, params }: ApiRequest): Params | undefined {
  const { tags, description, ...rest } = params;
  if (typeof tags !== 'string' || !tags.split(';').includes(ownershipTag)) return undefined;
  const { text, ownership } = splitDescription(typeof description === 'string' ? description : '');
  if (!ownership) return undefined;
  const kept = tags.split(';').filter((tag) => tag !== ownershipTag);
  const gone = [...(typeof rest['delete'] === 'string' ? [rest['delete']] : []), 'tags'].join(',');
  const left = kept.length > 0 ? { tags: kept.join(';') } : method === 'PUT' ? { delete: gone } : {};
  return { ...rest, ...left, description: joinDescription(text, { ...ownership, tag: 'none' }) };
}

/**
 * Tells whether the file wants the container on another node. What moved a container without the file is respected.
 *
 * @param fleet - name of the fleet.
 * @param desired - the container as the file has it.
 * @param actual - what it stands for.
 * @returns true only when the node of the file was changed since it was last put in order.
 */
export function wantsOtherNode(fleet: string, desired: DesiredContainer, actual: ActualContainer): boolean {
  const { ownership } = actual;
  if (actual.node === desired.node || desired.placement || ownership?.fleet !== fleet) return false;
  // a line of an early version has no node: then any change of the file counts
  return ownership.node === undefined
    ? ownership.specDigest !== specDigestOf(desired)
    : ownership.node !== desired.node;
}
