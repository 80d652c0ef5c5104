/** The group of a student as a tag of the container, so that a group can be selected without the fleet file. */
import { slug } from '../../util/slug.ts';

/**
 * The tag that shows a group.
 *
 * @param group - as the roster writes it.
 * @returns for example `group-a` for `A`, `group-1-ahif` for `1 AHIF`.
 */
export const groupTag = (group: string): string => `group-${slug(group)}`;
