/**
 * The group of a student as a tag of the container, so that a group can be selected without the fleet file. Where the file
 * says nothing about tags, all others stay as they are.
 */
import { slug } from '../../util/slug.ts';
import type { ActualContainer } from '../actual.ts';
import type { DesiredContainer } from '../desired.ts';
import { ownershipTag } from '../field-row.ts';

/**
 * The tag that shows a group.
 *
 * @param group - as the roster writes it.
 * @returns for example `group-a` for `A`, `group-1-ahif` for `1 AHIF`.
 */
export const groupTag = (group: string): string => `group-${slug(group)}`;

/**
 * Gives a container the tag of its group, and takes that of an earlier group away.
 *
 * @param desired - a container whose tags are not managed, else they have the tag already.
 * @param actual - what it stands for, if it is there.
 * @returns the tags it should have; undefined: nothing to do with groups.
 */
export function tagsWithGroup(
  { group, options }: DesiredContainer,
  actual: Pick<ActualContainer, 'next' | 'ownership'> | undefined,
): readonly string[] | undefined {
  const before = actual?.ownership?.group;
  if (options.tags !== undefined || (group === undefined && before === undefined)) return undefined;
  const gone = new Set([ownershipTag, ...(before === undefined ? [] : [groupTag(before)])]);
  const kept = (actual?.next.tags ?? []).filter((tag) => !gone.has(tag.toLowerCase()));
  return group === undefined ? kept : [...new Set([...kept, groupTag(group)])];
}
