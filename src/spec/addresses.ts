/** IP addresses, networks and gateways as texts. */
import ipaddr from 'ipaddr.js';
import type { AddressPool } from '../domain/desired.ts';
import { type AddressRange, type Family, readRange, spellAddress } from '../domain/lab/address-pool.ts';
import { suggest } from '../util/suggest.ts';
import type { FileAddressPool, FileNet } from './file.ts';
import type { Problem } from './findings.ts';
import type { TextCheck } from './formats.ts';
import { splitTexts, textValue, type ValueCheck, type ValueProblem } from './values.ts';

const kinds: Readonly<
  Record<Family, { words: readonly string[]; example: string; least: number; most: number }>
> = {
  4: { words: ['dhcp', 'manual'], example: '10.0.0.5/24', least: 8, most: 32 },
  6: { words: ['auto', 'dhcp', 'manual'], example: 'fd00::5/64', least: 8, most: 128 },
};

const isAddress = (text: string, family: Family): boolean =>
  family === 4
    ? ipaddr.IPv4.isValidFourPartDecimal(text)
    : !text.includes('%') && !text.includes('/') && ipaddr.IPv6.isValid(text);

const otherFamily = (text: string, family: Family): Problem | undefined =>
  isAddress(text.split('/')[0] as string, family === 4 ? 6 : 4)
    ? {
        code: 'SPEC_ADDRESS',
        message: `'${text}' is an IPv${family === 4 ? 6 : 4} address`,
        hint: family === 4 ? "it belongs to 'ip6' or 'gateway6'" : "it belongs to 'ip' or 'gateway'",
      }
    : undefined;

/**
 * Makes a check for `ip` and `ip6`.
 *
 * @param family - 4 or 6.
 * @returns a check for the words of this family and for host addresses with prefix length.
 */
export function checkInterfaceAddress(family: Family): TextCheck {
  const { words, example, least, most } = kinds[family];
  return (text) => {
    if (words.includes(text)) return undefined;
    const wrong = otherFamily(text, family);
    if (wrong) return wrong;
    const [address = '', prefix, ...more] = text.split('/');
    if (!isAddress(address, family) || more.length > 0)
      return {
        code: 'SPEC_ADDRESS',
        message: `'${text}' is not an IPv${family} address with prefix length`,
        hint: `use ${words.join(', ')} or for example ${example}`,
      };
    if (prefix === undefined)
      return {
        code: 'SPEC_ADDRESS',
        message: `'${text}' has no prefix length`,
        hint: `did you mean ${text}/${family === 4 ? 24 : 64}?`,
      };
    const length = Number(prefix);
    if (!/^\d{1,3}$/.test(prefix) || length < least || length > most)
      return {
        code: 'SPEC_ADDRESS',
        message: `'/${prefix}' is not a prefix length from /${least} to /${most}`,
      };
    return family === 4 && length < 31 ? checkHostPart(text, length) : undefined;
  };
}

function checkHostPart(text: string, length: number): Problem | undefined {
  const address = text.split('/')[0];
  const ends = [
    [ipaddr.IPv4.networkAddressFromCIDR(text), 'network'],
    [ipaddr.IPv4.broadcastAddressFromCIDR(text), 'broadcast'],
  ] as const;
  const end = ends.find(([special]) => special.toString() === address);
  return end === undefined
    ? undefined
    : { code: 'SPEC_ADDRESS', message: `'${address}' is the ${end[1]} address of its /${length} network` };
}

/**
 * Makes a check for addresses without prefix length.
 *
 * @param family - 4 or 6.
 * @returns the check.
 */
export function checkAddress(family: Family): TextCheck {
  return (text) => {
    if (isAddress(text, family)) return undefined;
    const plain = text.split('/')[0] as string;
    return (
      otherFamily(text, family) ?? {
        code: 'SPEC_ADDRESS',
        message: `'${text}' is not an IPv${family} address`,
        hint: isAddress(plain, family) ? `did you mean ${plain}?` : undefined,
      }
    );
  };
}

/** Name servers: an address of either family; link-local ones with the interface, `fe80::1%eth0`. */
export const checkNameserver: TextCheck = (text) =>
  isAddress(text, 4) || isAddress(text, 6) || /^fe80:[0-9a-f:]+%[-_.\w]+$/i.test(text)
    ? undefined
    : { code: 'SPEC_ADDRESS', message: `'${text}' is not an IP address` };

/** A static address taken apart. */
export interface StaticAddress {
  /** Shortest usual spelling, so that equal addresses give equal text. */
  readonly address: string;
  readonly prefix: number;
}

/**
 * Takes a static address apart.
 *
 * @param text - value of `ip` or `ip6`.
 * @returns address and prefix length, or `undefined` for words and for what is invalid.
 */
export function staticAddress(text: string): StaticAddress | undefined {
  const [address = '', prefix = ''] = text.split('/');
  if ((!isAddress(address, 4) && !isAddress(address, 6)) || !/^\d{1,3}$/.test(prefix)) return undefined;
  return { address: ipaddr.parse(address).toString(), prefix: Number(prefix) };
}

/**
 * Checks a gateway against the address of its interface.
 *
 * @param gateway - a valid address.
 * @param own - address of the interface, same family.
 * @returns the problem, or `undefined`. Single-address networks (/32, /128) reach their gateway over the link, and IPv6
 *   gateways may be link-local.
 */
export function checkGateway(gateway: string, own: StaticAddress): Problem | undefined {
  const via = ipaddr.parse(gateway);
  const address = ipaddr.parse(own.address);
  if (via.kind() !== address.kind()) return undefined;
  if (via.toString() === own.address)
    return { code: 'SPEC_GATEWAY', message: `the gateway ${gateway} is the container's own address` };
  if (own.prefix === (via.kind() === 'ipv4' ? 32 : 128)) return undefined;
  if (via.kind() === 'ipv6' && via.range() === 'linkLocal') return undefined;
  if (via.match(address, own.prefix)) return undefined;
  return {
    code: 'SPEC_GATEWAY',
    message: `the gateway ${gateway} is not in the network of ${own.address}/${own.prefix}`,
    hint: 'is the prefix length right?',
  };
}

/** A static address of a range, where a container will have any of it. */
export function exampleAddress(pool: AddressPool, not: string | null | undefined): StaticAddress | undefined {
  const range = readRange(pool.range);
  if (!range) return undefined;
  const ends = [range.first, range.last].map((value) => spellAddress(range.family, value));
  const address = ends.find((end) => end !== not) ?? ends[0];
  return address === undefined ? undefined : { address, prefix: pool.prefix };
}

const isPool = (value: unknown): value is FileAddressPool =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads a pool of the file.
 *
 * @param value - value of `ip` or `ip6`.
 * @returns the pool, or undefined when the value is none, or not a sound one.
 */
export function addressPool(value: FileNet['ip']): AddressPool | undefined {
  // what is wrong with it has been reported, and is left out
  const { range, prefix: length, exclude }: Partial<FileAddressPool> = isPool(value) ? value : {};
  const prefix = length ?? readRange(range ?? '')?.prefix;
  if (range === undefined || prefix === undefined) return undefined;
  if (exclude === undefined) return { range, prefix };
  return { range, prefix, exclude: typeof exclude === 'string' ? splitTexts(exclude) : exclude };
}

/** What is wrong with a stretch of addresses. */
function checkRange(text: unknown, family: Family, what: string): Problem | undefined {
  const example = family === 4 ? '10.1.0.10-10.1.0.99 or 10.1.0.0/24' : 'fd00::100-fd00::1ff or fd00::/64';
  if (typeof text !== 'string' || text.trim() === '')
    return {
      code: 'SPEC_TYPE',
      message: `'${what}' must be text`,
      hint: `write for example ${example}`,
    };
  const range = readRange(text);
  if (!range) {
    const [from = '', to = ''] = text.split('-').map((part) => part.trim());
    const isTurned = readRange(`${to}-${from}`) !== undefined;
    return {
      code: 'SPEC_ADDRESS',
      message: isTurned
        ? `'${text}' ends before it begins`
        : `'${text}' is no range of IPv${family} addresses`,
      hint: isTurned ? `did you mean ${to}-${from}?` : `write for example ${example}`,
    };
  }
  return range.family === family
    ? undefined
    : {
        code: 'SPEC_ADDRESS',
        message: `'${text}' is a range of IPv${range.family} addresses`,
        hint: `it belongs to '${family === 4 ? 'ip6' : 'ip'}'`,
      };
}

function checkPrefix(range: AddressRange, prefix: unknown, family: Family): Problem | undefined {
  const { least, most } = kinds[family];
  if (prefix === undefined && range.prefix === undefined)
    return {
      code: 'SPEC_MISSING',
      message: "'prefix' is missing: how long is the prefix of these addresses?",
      hint: `add 'prefix: ${family === 4 ? 24 : 64}'`,
    };
  if (prefix !== undefined && !Number.isInteger(prefix))
    return { code: 'SPEC_TYPE', message: "'prefix' must be a whole number" };
  const length = (prefix ?? range.prefix) as number;
  if (length < least || length > most)
    return {
      code: 'SPEC_ADDRESS',
      message: `/${length} is not a prefix length from /${least} to /${most}`,
    };
  const [first, last] = [range.first, range.last].map((value) => ipaddr.parse(spellAddress(family, value)));
  return first && last?.match(first, length)
    ? undefined
    : {
        code: 'SPEC_ADDRESS',
        message: `the range is longer than one /${length} network`,
        hint: 'is the prefix length right?',
      };
}

const poolKeys = ['range', 'prefix', 'exclude'];

function checkPool(pool: Readonly<Record<string, unknown>>, family: Family): ValueProblem[] {
  const problems: ValueProblem[] = [];
  for (const key of Object.keys(pool))
    if (!poolKeys.includes(key)) {
      const near = suggest(key, poolKeys);
      const hint = near === undefined ? `known keys: ${poolKeys.join(', ')}` : `did you mean '${near}'?`;
      const message = `the key '${key}' is not known here`;
      problems.push({ code: 'SPEC_UNKNOWN_KEY', message, hint, path: [key] });
    }
  const { range: text, prefix, exclude = [] } = pool;
  const wrong = checkRange(text, family, 'range');
  if (wrong) return [...problems, { ...wrong, path: 'range' in pool ? ['range'] : [] }];
  const range = readRange(text as string) as AddressRange;
  const length = checkPrefix(range, prefix, family);
  if (length) problems.push({ ...length, path: prefix === undefined ? [] : ['prefix'] });
  const isList = Array.isArray(exclude);
  const excluded: readonly unknown[] = isList ? (exclude as unknown[]) : splitTexts(String(exclude));
  excluded.forEach((one, index) => {
    const path = ['exclude', ...(isList ? [index] : [])];
    const problem = checkRange(one, family, 'exclude');
    const hole = problem ? undefined : readRange(one as string);
    if (problem) problems.push({ ...problem, path });
    else if (hole && (hole.last < range.first || hole.first > range.last))
      problems.push({
        code: 'SPEC_ADDRESS',
        message: `'${String(one)}' is not in the range ${String(text)}`,
        path,
      });
  });
  return problems;
}

/**
 * Makes a check for `ip` and `ip6`: one address, or a range to choose from.
 *
 * @param family - 4 or 6.
 * @returns the check.
 */
export function addressValue(family: Family): ValueCheck {
  const single = textValue(checkInterfaceAddress(family), true);
  return (value) =>
    isPool(value)
      ? checkPool(value as unknown as Readonly<Record<string, unknown>>, family)
      : typeof value === 'string'
        ? single(value)
        : [{ expected: 'text or a range of addresses' }];
}
