/**
 * Which template alias describes an existing container best. The server does not record what a container was made from;
 * its distribution is all that is known.
 */
import { naturalCompare } from '../util/compare.ts';
import { resolveTemplate, type TemplatePlace, type TemplateSources } from './appliance.ts';
import type { TemplateAlias } from './desired.ts';

/** Distributions that share an ostype. PVE: pve-container LXC/Setup.pm. */
const families: Readonly<Record<string, readonly string[]>> = {
  centos: ['centos', 'almalinux', 'rockylinux'],
};

/** What was chosen. */
export interface TemplateGuess {
  readonly template: string;
  /** `stored`: an archive is there; `catalogue`: it can be downloaded; `named`: only the name is known; `none`: nothing fits. */
  readonly from: 'stored' | 'catalogue' | 'named' | 'none';
}

/**
 * Chooses the alias of a template for a distribution: the newest that is stored within reach, else the newest that the
 * catalogue offers, else the newest there is a name for.
 *
 * @param ostype - of the container, for example `debian`; undefined: not known.
 * @param place - node, and architecture where it is known.
 * @param sources - storages, their archives, and the catalogue.
 * @param aliases - short names of templates.
 * @returns the alias; the ostype itself when no alias fits.
 */
export function guessTemplate(
  ostype: string | undefined,
  place: TemplatePlace,
  sources: TemplateSources,
  aliases: Readonly<Record<string, TemplateAlias>>,
): TemplateGuess {
  const os = ostype ?? 'unmanaged';
  const names = (families[os] ?? [os]).flatMap((distribution) =>
    Object.keys(aliases)
      .filter((alias) => alias === distribution || alias.startsWith(`${distribution}-`))
      .sort((a, b) => naturalCompare(b, a)),
  );
  const [first] = names;
  if (first === undefined) return { template: os, from: 'none' };
  const found = (kind: 'stored' | 'download'): string | undefined =>
    names.find((alias) => resolveTemplate(alias, place, sources, aliases).kind === kind);
  const stored = found('stored');
  if (stored !== undefined) return { template: stored, from: 'stored' };
  const offered = found('download');
  return offered === undefined
    ? { template: first, from: 'named' }
    : { template: offered, from: 'catalogue' };
}
