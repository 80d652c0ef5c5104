/** Formats of sources, snapshots, HA and firewall settings in a fleet file. No YAML, no zod, no cross-checks here. */
import { checkKey, type TextCheck } from './formats.ts';
import type { ValueCheck } from './values.ts';

const matches =
  (pattern: RegExp, what: string, hint?: string): TextCheck =>
  (text) =>
    pattern.test(text) ? undefined : { code: 'SPEC_VALUE', message: `'${text}' is not ${what}`, hint };

/** Names of snapshots: `current` and `vzdump` mean something else to Proxmox VE. */
export const checkSnapshotName: TextCheck = (text) =>
  text === 'current' || text === 'vzdump'
    ? {
        code: 'SPEC_RESERVED',
        message: `the snapshot name '${text}' is reserved`,
        hint: 'choose another one',
      }
    : matches(
        /^[A-Za-z][A-Za-z0-9_-]{1,39}$/,
        'a valid name of a snapshot',
        'use letters, digits, _ and -; 2 to 40, a letter first',
      )(text);
export const checkBackup: TextCheck = matches(
  /^[A-Za-z][\w.-]*:\S+$/,
  'the volume of a backup',
  'write STORAGE:backup/vzdump-lxc-…, as the storage lists it',
);
export const checkIdmap: TextCheck = matches(
  /^(?:passthrough|[ug]:\d+:\d+:[1-9]\d*(?:;[ug]:\d+:\d+:[1-9]\d*)*)$/,
  'a mapping of ids',
  "write passthrough, or for example 'u:0:100000:65536;g:0:100000:65536'",
);
export const checkComment: TextCheck = matches(/^[^\0-\x1f\x7f]+$/, 'text without line breaks');
export const checkWord: TextCheck = matches(/^[A-Za-z0-9][\w-]*$/, 'a single word');
export const checkAction: TextCheck = matches(
  /^[A-Za-z][A-Za-z0-9_-]+$/,
  'ACCEPT, DROP, REJECT or the name of a security group',
);
export const checkPorts: TextCheck = matches(
  /^[a-z0-9_-]+(?:[:,][a-z0-9_-]+)*$/i,
  'a list of ports',
  "write for example '80', '80,443' or '8000:8100'",
);
export const checkNetKey: TextCheck = matches(
  /^net\d+$/,
  'the key of an interface',
  'write net0 for the first one',
);

/** `from.clone`: a name or, as a number, a vmid. */
export const sourceValue: ValueCheck = (value) => {
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= 100 && value <= 999_999_999
      ? []
      : [{ code: 'SPEC_VMID', message: `${value} is no vmid`, hint: 'they go from 100 to 999999999' }];
  if (typeof value !== 'string') return [{ expected: 'a name or a vmid' }];
  const problem = /^[1-9]\d{2,8}$/.test(value) ? undefined : checkKey(value);
  return problem ? [problem] : [];
};
