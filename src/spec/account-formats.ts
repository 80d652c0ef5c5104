/** Formats of the keys under `students.accounts`. */
import { suggest } from '../util/suggest.ts';
import type { Problem } from './findings.ts';
import type { TextCheck } from './formats.ts';
import type { ValueCheck, ValueProblem } from './values.ts';

/** PVE: privileges that there are (pve-access-control, PVE/AccessControl.pm). */
const privileges: readonly string[] = [
  'Datastore.Allocate',
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'Datastore.Audit',
  'Group.Allocate',
  'Mapping.Audit',
  'Mapping.Modify',
  'Mapping.Use',
  'Permissions.Modify',
  'Pool.Allocate',
  'Pool.Audit',
  'Realm.Allocate',
  'Realm.AllocateUser',
  'SDN.Allocate',
  'SDN.Audit',
  'SDN.Use',
  'Sys.AccessNetwork',
  'Sys.Audit',
  'Sys.Console',
  'Sys.Incoming',
  'Sys.Modify',
  'Sys.PowerMgmt',
  'Sys.Syslog',
  'User.Modify',
  'VM.Allocate',
  'VM.Audit',
  'VM.Backup',
  'VM.Clone',
  'VM.Config.CDROM',
  'VM.Config.CPU',
  'VM.Config.Cloudinit',
  'VM.Config.Disk',
  'VM.Config.HWType',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Console',
  'VM.GuestAgent.Audit',
  'VM.GuestAgent.FileRead',
  'VM.GuestAgent.FileSystemMgmt',
  'VM.GuestAgent.FileWrite',
  'VM.GuestAgent.Unrestricted',
  'VM.Migrate',
  'VM.Monitor',
  'VM.PowerMgmt',
  'VM.Replicate',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
];

export const checkRealm: TextCheck = (text) =>
  /^[A-Za-z][A-Za-z0-9._-]+$/.test(text)
    ? undefined
    : { code: 'SPEC_NAME', message: `'${text}' is not a valid realm`, hint: 'for example pve' };

/** `user`: what it comes to is checked once a student is known. */
export const accountName: ValueCheck = (value) => {
  if (typeof value !== 'string') return [{ expected: 'text' }];
  return /\{login\}/.test(value)
    ? []
    : [
        {
          code: 'SPEC_NUMBERING',
          message: `all students would be the user '${value}'`,
          hint: "did you mean '{login}@{realm}'?",
        },
      ];
};

/**
 * Reads the end of accounts.
 *
 * @param text - a day, or a time with its zone.
 * @returns seconds since 1970 (of a day: its end, UTC), or undefined when it is none.
 */
export function expirySeconds(text: string): number | undefined {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (!isDay && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/.test(text))
    return undefined;
  const ms = Date.parse(isDay ? `${text}T00:00:00Z` : text);
  // a day that no month has would quietly become one of the next month
  if (Number.isNaN(ms) || (isDay && new Date(ms).toISOString().slice(0, 10) !== text)) return undefined;
  return ms / 1000 + (isDay ? 86_400 : 0);
}

export const checkExpiry: TextCheck = (text) =>
  expirySeconds(text) === undefined
    ? {
        code: 'SPEC_VALUE',
        message: `'${text}' is not a day`,
        hint: 'write for example 2027-02-15, or 2027-02-15T18:00:00+01:00',
      }
    : undefined;

/** PVE: pve-access-control API2/Role.pm — names that begin with PVE are its own, whatever the case. */
function checkRoleName(name: string, isNew: boolean): Problem | undefined {
  // a name of one's own may have {fleet} in it
  if (!/^[A-Za-z0-9._-]+$/.test(name.replaceAll('{fleet}', 'fleet')))
    return { code: 'SPEC_NAME', message: `'${name}' is not a valid name of a role` };
  return isNew && /^PVE/i.test(name)
    ? {
        code: 'SPEC_RESERVED',
        message: `the role '${name}' cannot be created: names that begin with PVE are those of Proxmox VE`,
        hint: `to use the one that exists write 'role: ${name}', else choose another name`,
      }
    : undefined;
}

/** `role`: the name of one that exists, or a map for one of the fleet's own. */
export const roleValue: ValueCheck = (value) => {
  if (typeof value === 'string') {
    const problem = checkRoleName(value, false);
    return problem ? [problem] : [];
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ expected: 'the name of a role or a map' }];
  const problems: ValueProblem[] = [];
  const { name, privileges: wanted, ...rest } = value as Record<string, unknown>;
  for (const key of Object.keys(rest))
    problems.push({
      code: 'SPEC_UNKNOWN_KEY',
      message: `the key '${key}' is not known here`,
      hint: `did you mean '${suggest(key, ['name', 'privileges']) ?? 'privileges'}'?`,
      path: [key],
    });
  if (name !== undefined) {
    const problem = typeof name === 'string' ? checkRoleName(name, true) : { expected: 'text' };
    if (problem) problems.push({ ...problem, path: ['name'] });
  }
  if (wanted === undefined) return problems;
  if (!Array.isArray(wanted) || wanted.length === 0)
    return [...problems, { expected: 'a list of privileges', path: ['privileges'] }];
  (wanted as unknown[]).forEach((one, index) => {
    const near = suggest(String(one), privileges);
    // one that a later version of Proxmox VE knows is none of our business
    const isOdd = near === undefined && /^[A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)+$/.test(String(one));
    if (privileges.includes(one as string) || isOdd) return;
    problems.push({
      code: 'SPEC_VALUE',
      message: `'${String(one)}' is not a privilege of Proxmox VE`,
      hint: near === undefined ? 'for example VM.Console' : `did you mean '${near}'?`,
      path: ['privileges', index],
    });
  });
  return problems;
};
