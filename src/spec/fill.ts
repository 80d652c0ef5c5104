/** Fields of a container that numbers and words may be filled into: where they stand, and the format of the result. */
import { checkAddress, checkInterfaceAddress } from './addresses.ts';
import type { Findings, Problem } from './findings.ts';
import {
  checkDescription,
  checkDnsName,
  checkKey,
  checkMac,
  checkMountSource,
  checkNode,
  checkPool,
  type TextCheck,
} from './formats.ts';
import { fillNumber, isNumbered, type Words } from './numbering.ts';
import { type MapTree, member, type Path, type Place, replaceAt, type Tree } from './tree.ts';
import { integerProblem, numberingHint } from './values.ts';

const integer =
  (least: number, most: number, code: string): TextCheck =>
  (text) =>
    /^\d+$/.test(text)
      ? integerProblem(Number(text), least, most, code)
      : { code, message: `'${text}' is not a whole number` };

/** Where numbers may be filled in, and the format of the result. `*`: any member. */
const numberedFields: readonly { path: readonly string[]; check: TextCheck; number?: true }[] = [
  { path: ['hostname'], check: checkDnsName },
  { path: ['vmid'], check: integer(100, 999_999_999, 'SPEC_VMID'), number: true },
  { path: ['renamedFrom'], check: checkKey },
  { path: ['node'], check: checkNode },
  { path: ['pool'], check: checkPool },
  { path: ['description'], check: checkDescription },
  { path: ['nets', '*', 'ip'], check: checkInterfaceAddress(4) },
  { path: ['nets', '*', 'gateway'], check: checkAddress(4) },
  { path: ['nets', '*', 'ip6'], check: checkInterfaceAddress(6) },
  { path: ['nets', '*', 'gateway6'], check: checkAddress(6) },
  { path: ['nets', '*', 'mac'], check: checkMac },
  { path: ['nets', '*', 'vlan'], check: integer(1, 4094, 'SPEC_RANGE'), number: true },
  { path: ['mounts', '*', 'source'], check: checkMountSource },
];

/** A text with something to fill in. */
export interface Numbered {
  readonly path: Path;
  readonly text: string;
  readonly place: Place;
  readonly check: TextCheck;
  readonly number: boolean;
}

/**
 * Finds the texts of a container that have something to fill in.
 *
 * @param tree - merged layers.
 * @returns them with their places and formats.
 */
export function findNumbered(tree: MapTree): Numbered[] {
  const walk = (
    current: Tree | undefined,
    path: readonly string[],
    done: Path,
  ): { tree: Tree; path: Path }[] => {
    const [step, ...rest] = path;
    if (!current) return [];
    if (step === undefined) return [{ tree: current, path: done }];
    if (step !== '*') return walk(member(current, step), rest, [...done, step]);
    return current.kind === 'map'
      ? [...current.entries].flatMap(([key, { value }]) => walk(value, rest, [...done, key]))
      : [];
  };
  return numberedFields.flatMap(({ path, check, number = false }) =>
    walk(tree, path, []).flatMap((found) =>
      found.tree.kind === 'scalar' && typeof found.tree.value === 'string' && isNumbered(found.tree.value)
        ? [{ path: found.path, text: found.tree.value, place: found.tree.place, check, number }]
        : [],
    ),
  );
}

/** One finding per field, however many containers share it. */
export const once = (problem: Problem): Problem => ({ ...problem, topic: 'number' });

/** What is filled in. */
export interface Fillings {
  readonly n: number | undefined;
  /** For most fields: letters that any name can have. */
  readonly words?: Words;
  /** For descriptions: as the file has them. */
  readonly plain?: Words;
  /** What to say of a text that cannot be filled in; default: how numbers are written. */
  readonly explain?: (error: string, isPlain: boolean) => Problem;
  /** Whose values they are, where the field is shared by many. */
  readonly who?: { readonly message: string; readonly place: Place };
}

/** An expression that has no value. */
export const badNumber = (error: string): Problem => ({
  code: 'SPEC_NUMBERING',
  message: error,
  hint: numberingHint,
});

/**
 * Fills in.
 *
 * @param tree - merged layers of a container.
 * @param fields - what {@link findNumbered} found in them.
 * @param fillings - number and words.
 * @param findings - gets the problems, each field once.
 * @returns the tree of one container; what has a problem is invalid in it.
 */
export function fill(
  tree: MapTree,
  fields: readonly Numbered[],
  fillings: Fillings,
  findings: Findings,
): MapTree {
  const { n, words, plain, explain = badNumber, who } = fillings;
  return fields.reduce<Tree>((current, { path, text, place, check, number }) => {
    const isPlain = path[0] === 'description';
    const filled = fillNumber(text, n, isPlain ? plain : words);
    const problem = 'error' in filled ? explain(filled.error, isPlain) : check(filled.text);
    if (problem) findings.report(once(problem), place, who);
    if ('error' in filled || problem) return replaceAt(current, path, () => ({ kind: 'invalid', place }));
    const value = number ? Number(filled.text) : filled.text;
    return replaceAt(current, path, () => ({ kind: 'scalar', value, text: filled.text, place }));
  }, tree) as MapTree;
}
