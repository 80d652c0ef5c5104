/** IP addresses, networks and gateways as texts. */
import ipaddr from 'ipaddr.js';
import type { Problem } from './findings.ts';
import type { TextCheck } from './formats.ts';

type Family = 4 | 6;

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
