/**
 * Firewall files: one of the cluster, one of each node, one of each guest that has any settings. Kept in
 * `state.firewall` by name; a file that is not there is an empty one.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../util/canonical-json.ts';
import type { SimState } from './state.ts';

/** A rule; numbers where the API has numbers. */
export type FirewallRule = Record<string, string | number>;

interface FirewallAlias {
  name: string;
  cidr: string;
  comment?: string;
}

interface FirewallSet {
  comment?: string;
  entries: { cidr: string; nomatch?: 1; comment?: string }[];
}

export interface FirewallFile {
  options: Record<string, string | number>;
  rules: FirewallRule[];
  /** By lower-case name. */
  aliases: Record<string, FirewallAlias>;
  ipset: Record<string, FirewallSet>;
  /** Security groups; only the cluster's file has any. */
  groups: Record<string, { comment?: string; rules: FirewallRule[] }>;
}

/**
 * Name of a guest's firewall file.
 *
 * @param vmid - guest id.
 */
export function guestFirewall(vmid: number): string {
  return `vms/${vmid}`;
}

/**
 * A firewall file, to be changed in place.
 *
 * @param state - cluster.
 * @param name - `cluster`, `nodes/NODE` or `vms/ID`.
 */
export function firewallFile(state: SimState, name: string): FirewallFile {
  const known = state.firewall[name] as Partial<FirewallFile> | undefined;
  const file: FirewallFile = { options: {}, rules: [], aliases: {}, ipset: {}, groups: {}, ...known };
  state.firewall[name] = file;
  return file;
}

/**
 * Digest of a part of a firewall file.
 *
 * @param part - options, rules, …; an empty one has the digest of no bytes.
 * @returns SHA-1, 40 hex digits.
 */
export function firewallDigest(part: object): string {
  const text = Object.keys(part).length === 0 ? '' : canonicalJson(part);
  return createHash('sha1').update(text).digest('hex');
}

/** Macros that rules may name: services with their own ports. */
export const firewallMacros: readonly (readonly [macro: string, descr: string])[] = [
  ['DHCPfwd', 'DHCP relays'],
  ['DHCPv6', 'DHCP for IPv6'],
  ['DNS', 'Name servers'],
  ['FTP', 'File transfer'],
  ['Git', 'Git daemon'],
  ['HTTP', 'Web, plain'],
  ['HTTPS', 'Web over TLS'],
  ['IMAP', 'Mail boxes'],
  ['IMAPS', 'Mail boxes over TLS'],
  ['LDAP', 'Directories'],
  ['LDAPS', 'Directories over TLS'],
  ['Mail', 'Mail transfer and submission'],
  ['MySQL', 'MySQL and MariaDB servers'],
  ['NTP', 'Time servers'],
  ['NeighborDiscovery', 'Neighbour discovery of IPv6'],
  ['OpenVPN', 'OpenVPN tunnels'],
  ['Ping', 'ICMP echo'],
  ['PostgreSQL', 'PostgreSQL servers'],
  ['RDP', 'Remote desktops'],
  ['Redis', 'Redis servers'],
  ['SMB', 'Windows shares'],
  ['SMTP', 'Mail transfer'],
  ['SNMP', 'Network management'],
  ['SSH', 'Secure shells'],
  ['Syslog', 'Remote logs'],
  ['Telnet', 'Terminals, plain'],
  ['VNC', 'Remote screens'],
  ['Web', 'Web, plain and over TLS'],
];
