/** Ranges of addresses as numbers: reading them, counting what they hold, walking through them. Knows no containers. */
import ipaddr from 'ipaddr.js';
import type { AddressPool } from '../desired.ts';

export type Family = 4 | 6;

/** A stretch of addresses, both ends inclusive. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  /** Prefix length of a range that was written as a network. */
  readonly prefix?: number;
}

const smaller = (a: bigint, b: bigint): bigint => (a <= b ? a : b);
const larger = (a: bigint, b: bigint): bigint => (a >= b ? a : b);
const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/**
 * Reads an address.
 *
 * @param text - without prefix length.
 * @returns family and number, or undefined when it is none.
 */
export function readAddress(text: string): { family: Family; value: bigint } | undefined {
  const isV4 = ipaddr.IPv4.isValidFourPartDecimal(text);
  if (!isV4 && (text.includes('%') || !ipaddr.IPv6.isValid(text))) return undefined;
  const bytes = ipaddr.parse(text).toByteArray();
  return { family: isV4 ? 4 : 6, value: bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) };
}

/**
 * Spells an address.
 *
 * @param family - its family.
 * @param value - its number.
 * @returns the shortest usual spelling.
 */
export function spellAddress(family: Family, value: bigint): string {
  const bytes = Array.from({ length: bitsOf(family) / 8 }, (_, index) =>
    Number((value >> BigInt(bitsOf(family) - 8 * (index + 1))) & 255n),
  );
  return ipaddr.fromByteArray(bytes).toString();
}

/** First and last address of the network that an address lies in. */
function networkOf(family: Family, value: bigint, prefix: number): { first: bigint; last: bigint } {
  const size = 1n << BigInt(bitsOf(family) - prefix);
  const first = value - (value % size);
  return { first, last: first + size - 1n };
}

/**
 * Reads `10.1.0.10`, `10.1.0.10-10.1.0.99` or `10.1.0.0/24`.
 *
 * @param text - as written.
 * @returns the range, or undefined when it is none or ends before it begins.
 */
export function readRange(text: string): AddressRange | undefined {
  const [from = '', to, ...more] = text.split('-').map((part) => part.trim());
  const [address = '', length, ...rest] = from.split('/');
  const start = readAddress(address);
  if (!start || more.length > 0 || rest.length > 0) return undefined;
  const { family, value } = start;
  if (length !== undefined) {
    const prefix = Number(length);
    if (to !== undefined || !/^\d{1,3}$/.test(length) || prefix > bitsOf(family)) return undefined;
    return { family, ...networkOf(family, value, prefix), prefix };
  }
  const end = to === undefined ? start : readAddress(to);
  if (!end || end.family !== family || end.value < value) return undefined;
  return { family, first: value, last: end.value };
}

/** A pool, ready for choosing. */
export interface OpenPool extends AddressRange {
  readonly prefix: number;
  /** What is never chosen, in order and without overlaps. */
  readonly holes: readonly { readonly first: bigint; readonly last: bigint }[];
}

/** Ends of a network that no host can have: in IPv4 the network itself and broadcast, in IPv6 the routers' anycast. */
function reservedEnds({ family, first, last, prefix = bitsOf(family) }: AddressRange): AddressRange[] {
  if (prefix >= bitsOf(family) - 1) return [];
  const ends = [networkOf(family, first, prefix).first];
  if (family === 4) ends.push(networkOf(family, last, prefix).last);
  return ends.map((end) => ({ family, first: end, last: end }));
}

/**
 * Opens a pool that was checked.
 *
 * @param pool - of the file.
 * @returns its numbers; undefined when its range cannot be read.
 */
export function openPool(pool: AddressPool): OpenPool | undefined {
  const range = readRange(pool.range);
  if (!range) return undefined;
  const { prefix } = pool;
  const excluded = (pool.exclude ?? []).map(readRange).filter((one) => one?.family === range.family);
  const cut = [...(excluded as AddressRange[]), ...reservedEnds({ ...range, prefix })]
    .map(({ first, last }) => ({
      first: larger(first, range.first),
      last: smaller(last, range.last),
    }))
    .filter(({ first, last }) => first <= last)
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const holes: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of cut) {
    const top = holes.at(-1);
    if (!top || first > top.last) holes.push({ first, last });
    else if (last > top.last) top.last = last;
  }
  return { ...range, prefix, holes };
}

/** Tells whether an address may be chosen from a pool, as far as the pool knows. */
export const isInPool = (pool: OpenPool, value: bigint): boolean =>
  value >= pool.first &&
  value <= pool.last &&
  pool.holes.every(({ first, last }) => value < first || value > last);

/**
 * Counts the addresses that can be chosen.
 *
 * @param pool - an open pool.
 * @param taken - numbers that something else has.
 * @returns how many containers it has room for.
 */
export function capacityOf(pool: OpenPool, taken: Iterable<bigint>): bigint {
  const holes = pool.holes.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
  const others = [...new Set(taken)].filter((value) => isInPool(pool, value)).length;
  return pool.last - pool.first + 1n - holes - BigInt(others);
}

/**
 * Finds the first address that can be chosen.
 *
 * @param pool - an open pool.
 * @param isTaken - whether something else has an address.
 * @param from - where to begin.
 * @returns its number, or undefined when there is none left.
 */
export function firstFree(
  pool: OpenPool,
  isTaken: (value: bigint) => boolean,
  from: bigint = pool.first,
): bigint | undefined {
  let hole = 0;
  for (let value = larger(from, pool.first); value <= pool.last; value++) {
    for (let next = pool.holes[hole]; next && next.last < value; next = pool.holes[hole]) hole += 1;
    const inside = pool.holes[hole];
    if (inside && inside.first <= value) value = inside.last;
    else if (!isTaken(value)) return value;
  }
  return undefined;
}
