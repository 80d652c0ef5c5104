/**
 * Named formats of parameters with the server's texts (schema-rules §4; PVE::JSONSchema, PVE::AccessControl and others).
 * A format that is not listed here is known to the server but not to us: any text passes.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { ObjectFormat, ParamSchema } from '../../schema/types.ts';
import { privileges } from '../model/roles.ts';
import { parseSize } from '../wire/property-string.ts';

/** Checks one value; the text of the refusal (without newline), or `undefined` when it fits. */
type FormatCheck = (value: string) => string | undefined;

const matches =
  (pattern: RegExp, text: string | ((value: string) => string)): FormatCheck =>
  (value) =>
    pattern.test(value) ? undefined : typeof text === 'string' ? text : text(value);
const holds =
  (condition: (value: string) => boolean, text: string | ((value: string) => string)): FormatCheck =>
  (value) =>
    condition(value) ? undefined : typeof text === 'string' ? text : text(value);

const isIp = (value: string): boolean => isIPv4(value) || (isIPv6(value) && !value.includes('%'));
const isV6 = (value: string): boolean => isIPv6(value) && !value.includes('%');
const dnsName =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
function isCidr(value: string, isAddress: (value: string) => boolean, longest: number): boolean {
  const match = /^([^/]+)\/(\d+)$/.exec(value);
  if (!match) return false;
  const bits = Number(match[2]);
  return isAddress(match[1] as string) && bits > 7 && bits <= longest;
}
const isCidr4 = (value: string): boolean => isCidr(value, isIPv4, 32);
const isCidr6 = (value: string): boolean => isCidr(value, isV6, 128);
const email = /^[\w+~-]+(?:\.[\w+~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

/** A user id: `name@realm`, 3 to 64 characters. */
function userid(value: string): string | undefined {
  if (value.length < 3) return `user name '${value}' is too short`;
  if (value.length > 64) return `user name '${value}' is too long (${value.length} > 64)`;
  return /^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+$/.test(value)
    ? undefined
    : `value '${value}' does not look like a valid user name`;
}

function poolid(value: string): string | undefined {
  if (value.split('/').length > 3) return `pool name '${value}' nested too deeply (max levels = 3)`;
  return /^[A-Za-z0-9.\-_]+(?:\/[A-Za-z0-9.\-_]+)*$/.test(value)
    ? undefined
    : `pool name '${value}' contains invalid characters`;
}

function storageId(value: string): string | undefined {
  if (value.length < 2) return `storage ID '${value}' cannot be shorter than 2 characters`;
  return /^[a-z][a-z0-9\-_.]*[a-z0-9]$/i.test(value)
    ? undefined
    : `storage ID '${value}' contains illegal characters`;
}

function startupOrder(value: string): string | undefined {
  const parts = value.split(',').filter((part) => !/^\s*$/.test(part));
  return parts.every((part) => /^(?:order=)?\d+$|^(?:up|down)=\d+$/.test(part))
    ? undefined
    : 'unable to parse startup options';
}

let timeZones: ReadonlySet<string> | undefined;
function isTimeZone(value: string): boolean {
  timeZones ??= new Set(['host', 'UTC', ...Intl.supportedValuesOf('timeZone')]);
  return timeZones.has(value);
}

function mountPath(value: string): string | undefined {
  return /\/\.\.?\/|\/\.\.?$|^\.\.\//.test(value)
    ? `${value} contains illegal character sequences`
    : undefined;
}
function devicePath(value: string): string | undefined {
  const climbs = /\/\.\.?(?:\/|$)/.test(value);
  return value.startsWith('/dev/') && !climbs ? undefined : `${value} is not a valid device path`;
}

/** `source:target,…`, or one id for all, or `1` for the identity. */
const idPair = (name: string): FormatCheck =>
  matches(
    /^(?:1|[A-Za-z0-9\-_.]+(?::[A-Za-z0-9\-_.]+)?)$/,
    (value) => `invalid ${name} map entry '${value}'`,
  );

const days = new Set(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']);
const contents = new Set(['images', 'rootdir', 'vztmpl', 'iso', 'backup', 'snippets', 'import', 'none']);

const checks: Readonly<Record<string, FormatCheck>> = {
  'pve-configid': matches(/^[a-z][a-z0-9_-]+$/i, (value) => `invalid configuration ID '${value}'`),
  'pve-vmid': matches(/^[1-9][0-9]{2,8}$/, 'value does not look like a valid VM ID'),
  'pve-node': matches(
    /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
    'value does not look like a valid node name',
  ),
  'pve-storage-id': storageId,
  'pve-bridge-id': matches(/^[-_.\w]+$/, (value) => `invalid bridge ID '${value}'`),
  'pve-volume-id': matches(
    /^[a-z][a-z0-9\-_.]*[a-z0-9]:.+$/i,
    (value) => `unable to parse volume ID '${value}'`,
  ),
  'pve-iface': holds(
    (value) => /^[a-z][a-z0-9_]{1,20}(?:[:.]\d+)?$/i.test(value) && value.length >= 2,
    (value) => `invalid network interface name '${value}'`,
  ),
  'dns-name': matches(dnsName, 'value does not look like a valid DNS name'),
  'mac-addr': matches(
    /^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i,
    'value does not look like a valid unicast MAC address',
  ),
  'mac-prefix': matches(
    /^[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}:?$/i,
    'value is not a valid unicast MAC address prefix',
  ),
  ip: holds(isIp, 'value does not look like a valid IP address'),
  ipv4: holds(isIPv4, 'value does not look like a valid IPv4 address'),
  ipv6: holds(isV6, 'value does not look like a valid IPv6 address'),
  ipv4mask: matches(
    /^(?:255|254|252|248|240|224|192|128|0)(?:\.(?:255|254|252|248|240|224|192|128|0)){3}$/,
    'value does not look like a valid IP netmask',
  ),
  CIDR: holds((value) => isCidr4(value) || isCidr6(value), 'value does not look like a valid CIDR network'),
  CIDRv4: holds(isCidr4, 'value does not look like a valid IPv4 network'),
  CIDRv6: holds(isCidr6, 'value does not look like a valid IPv6 network'),
  IPorCIDR: holds(
    (value) => isIp(value) || isCidr4(value) || isCidr6(value),
    'value does not look like a valid IP address or CIDR network',
  ),
  'pve-ipv4-config': holds(
    (value) => value === 'dhcp' || value === 'manual' || isCidr4(value),
    'value does not look like a valid ipv4 network configuration',
  ),
  'pve-ipv6-config': holds(
    (value) => value === 'auto' || value === 'dhcp' || value === 'manual' || isCidr6(value),
    'value does not look like a valid ipv6 network configuration',
  ),
  'lxc-ip-with-ll-iface': holds(
    (value) => isIp(value) || /^fe80::[0-9a-f:]*%[\w.-]+$/i.test(value),
    'value does not look like a valid IP address',
  ),
  address: holds((value) => isIp(value) || dnsName.test(value), 'value does not look like a valid address'),
  email: matches(email, 'value does not look like a valid email address'),
  'email-or-username': holds(
    (value) => email.test(value) || userid(value) === undefined,
    'value does not look like a valid email address or user name',
  ),
  'disk-size': holds(
    (value) => parseSize(value) !== undefined,
    (value) => `value does not look like a valid disk size: ${value}`,
  ),
  'pve-startup-order': startupOrder,
  'pve-tag': matches(/^[a-z0-9_][a-z0-9_\-+.]*$/i, 'invalid characters in tag'),
  'pve-ct-timezone': holds(isTimeZone, (value) => `invalid time zone '${value}'`),
  'pve-lxc-mp-string': mountPath,
  'pve-lxc-dev-string': devicePath,
  'pve-poolid': poolid,
  'pve-userid': userid,
  'pve-realm': matches(/^[A-Za-z][A-Za-z0-9.\-_]+$/, 'value does not look like a valid realm'),
  'pve-tokenid': holds(
    (value) => /^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+$/.test(value),
    (value) => `value '${value}' does not look like a valid token ID`,
  ),
  'pve-groupid': matches(
    /^[A-Za-z0-9.\-_]+$/,
    (value) => `group name '${value}' contains invalid characters`,
  ),
  'pve-roleid': matches(/^[A-Za-z0-9.\-_]+$/, (value) => `role name '${value}' contains invalid characters`),
  'pve-priv': holds(
    (value) => privileges.has(value),
    (value) => `invalid privilege '${value}'`,
  ),
  'pve-day-of-week': holds(
    (value) => days.has(value.toLowerCase()),
    (value) => `invalid day '${value}'`,
  ),
  'pve-storage-content': holds(
    (value) => contents.has(value),
    (value) => `invalid content type '${value}'`,
  ),
  'pve-storage-path': matches(/^\/.+$/, (value) => `value '${value}' is not an absolute path`),
  'pve-task-status-type': matches(
    /^(?:ok|error|warning|unknown)$/i,
    (value) => `status '${value}' is not a valid status type`,
  ),
  'pve-vlan-id-or-range': matches(/^\d{1,4}(?:-\d{1,4})?$/, (value) => `invalid VLAN ID or range '${value}'`),
  'pve-replication-job-id': matches(
    /^[1-9][0-9]{2,8}-\d{1,9}$/,
    'value does not look like a valid replication job ID',
  ),
  'pve-ha-resource-id': matches(/^[a-z]+:\S+$/, 'value does not look like a valid ha resource id'),
  'pve-ha-resource-or-vm-id': matches(
    /^(?:[a-z]+:\S+|[1-9][0-9]{2,8})$/,
    'value does not look like a valid ha resource id',
  ),
  'pve-ha-node': matches(
    /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::\d+)?$/,
    'value does not look like a valid ha node',
  ),
  'storage-pair': idPair('storage'),
  'bridge-pair': idPair('bridge'),
};

const boolean: ParamSchema = { type: 'boolean', optional: true };
const count: ParamSchema = { type: 'integer', minimum: 0, optional: true };

/** Named formats that are property strings; `pve-api.json` carries their names only. */
const objects: Readonly<Record<string, ObjectFormat>> = {
  'proxmox-remote': {
    host: { type: 'string' },
    port: { type: 'integer', optional: true },
    apitoken: { type: 'string' },
    fingerprint: { type: 'string', optional: true, pattern: '([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}' },
  },
  'prune-backups': {
    'keep-all': boolean,
    'keep-last': count,
    'keep-hourly': count,
    'keep-daily': count,
    'keep-weekly': count,
    'keep-monthly': count,
    'keep-yearly': count,
  },
  'backup-performance': {
    'max-workers': { type: 'integer', minimum: 1, maximum: 256, optional: true },
    'pbs-entries-max': { type: 'integer', minimum: 1, optional: true },
  },
  'backup-fleecing': {
    enabled: { type: 'boolean', optional: true, defaultKey: true },
    storage: { type: 'string', format: 'pve-storage-id', optional: true },
  },
};

/** What a format name means. */
export type NamedFormat =
  | { readonly kind: 'check'; readonly check: FormatCheck; readonly list: 'no' | 'list' | 'opt' }
  | { readonly kind: 'object'; readonly format: ObjectFormat };

/**
 * Looks a format up; `X-list` and `X-opt` are derived from X.
 *
 * @param name - name as the schema has it.
 * @returns the format, or `undefined` when nothing is checked.
 */
export function namedFormat(name: string): NamedFormat | undefined {
  if (Object.hasOwn(objects, name)) return { kind: 'object', format: objects[name] as ObjectFormat };
  const direct = checks[name];
  if (direct) return { kind: 'check', check: direct, list: 'no' };
  const derived = /^(.*?)-a?(list|opt)$/.exec(name);
  const base = derived ? checks[derived[1] as string] : undefined;
  return base ? { kind: 'check', check: base, list: derived?.[2] as 'list' | 'opt' } : undefined;
}

/**
 * Splits a list the way the server does: at NUL if there is one, else at commas, semicolons and blanks.
 *
 * @param text - the list.
 * @returns its elements, without empty ones.
 */
export function splitServerList(text: string): string[] {
  const parts = text.includes('\0') ? text.split('\0') : text.split(/[,;\s]/);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
