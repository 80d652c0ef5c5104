/** MAC addresses as the server makes them up, and what follows from one. Pure. */

/**
 * Makes a MAC address.
 *
 * @param random - random number in [0, 1).
 * @param prefix - the datacenter's `mac_prefix`, for example `BC:24:11`.
 * @returns six pairs of upper-case hex digits.
 */
export function randomMac(random: () => number, prefix = 'BC:24:11'): string {
  const given = prefix.toUpperCase().split(':');
  const rest = Array.from({ length: 6 - given.length }, () =>
    Math.floor(random() * 256)
      .toString(16)
      .padStart(2, '0')
      .toUpperCase(),
  );
  return [...given, ...rest].join(':');
}

/**
 * The IPv6 address that an interface gives itself (RFC 4291, modified EUI-64).
 *
 * @param mac - MAC address.
 * @returns for example `fe80::be24:11ff:fea6:7dfd`.
 */
export function linkLocalAddress(mac: string): string {
  const bytes = mac.split(':').map((pair) => Number.parseInt(pair, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const groups = [(a ^ 2) * 256 + b, c * 256 + 0xff, 0xfe00 + d, e * 256 + f];
  return `fe80::${groups.map((group) => group.toString(16)).join(':')}`;
}
