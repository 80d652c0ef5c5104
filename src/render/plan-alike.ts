/** Containers of a plan that are treated alike: told once, the others `as` the first with what differs. */
import { fill, hanging } from './fill.ts';
import type { Style } from './style.ts';

/** A setting of a new container. */
export interface Item {
  readonly field: string;
  readonly text: string;
}

/** What a plan says of one container. */
export interface Block {
  /** Stands beside its name. */
  readonly head: string;
  /** Settings of a new one. */
  readonly items?: readonly Item[];
  /** Lines that follow. */
  readonly lines: readonly string[];
  /** What is done inside, and what comes after that. */
  readonly inside: readonly string[];
  /** The head is said for each, as it is what one wants to see before allowing it. */
  readonly isSaidForEach?: true;
}

interface Told {
  readonly key: string;
  readonly block: Block;
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, index) => line === b[index]);

/** Settings that differ, when the rest is the same and is the most. */
function differences(items: readonly Item[], others: readonly Item[]): readonly Item[] | undefined {
  const fields = new Set(items.map(({ field }) => field));
  const texts = new Set(others.map(({ text }) => text));
  const differing = items.filter(({ text }) => !texts.has(text));
  const isMost = differing.length * 2 <= items.length;
  return isMost && others.every(({ field }) => fields.has(field)) ? differing : undefined;
}

/** The lines of a container that differs little from the one before; undefined when it has to be told in full. */
function asBefore(block: Block, before: Told, width: number, style: Style): string[] | undefined {
  const { head, items, lines, inside, isSaidForEach } = block;
  const other = before.block;
  const isAlike = head === other.head && same(lines, other.lines) && same(inside, other.inside);
  if (!isAlike) return undefined;
  const hasMore = lines.length + inside.length > 0;
  if (isSaidForEach)
    return hasMore ? hanging(`${head}${style.dim(`, as ${before.key}`)}`, width, style) : undefined;
  const as = style.dim(`as ${before.key}`);
  if (items === undefined || other.items === undefined)
    return items === other.items && hasMore ? [as] : undefined;
  const differing = differences(items, other.items);
  return differing && [as, ...settingLines(differing, width, style)];
}

const settingLines = (items: readonly Item[], width: number, style: Style): string[] =>
  fill(
    items.map(({ text }) => text),
    width,
    style,
  ).map(style.dim);

/**
 * Builds what tells containers one after the other.
 *
 * @param width - columns that a line may take.
 * @param style - palette.
 * @returns gives the lines of the next container; those of one sign are compared with each other.
 */
export function createTeller(
  width: number,
  style: Style,
): (key: string, sign: string, block: Block) => string[] {
  let [lastSign, full, provisioned]: [string, Told | undefined, Told | undefined] = [
    '',
    undefined,
    undefined,
  ];
  return (key, sign, block) => {
    if (sign !== lastSign) [lastSign, full, provisioned] = [sign, undefined, undefined];
    const short = full && asBefore(block, full, width, style);
    if (short) return short;
    full = { key, block };
    const { head, items = [], lines, inside } = block;
    const isKnown = provisioned && inside.length > 1 && same(inside, provisioned.block.inside);
    if (!isKnown) provisioned = full;
    const word = inside.some((line) => line.startsWith('provision ')) ? 'provision' : 'wait';
    return [
      ...hanging(head, width, style),
      ...settingLines(items, width, style),
      ...lines,
      ...(isKnown && provisioned ? [style.dim(`${word} as ${provisioned.key}`)] : inside),
    ];
  };
}
