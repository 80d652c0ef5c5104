/**
 * Formats of texts in a fleet file, as Proxmox VE accepts them (grammar: its own format checks), some narrower where it
 * accepts what cannot work. Each check gives the problem or nothing. No YAML, no zod, no cross-checks here.
 */
import { isMarkerTag } from '../domain/field-row.ts';
import { MiB, parseSize } from '../util/bytes.ts';
import { suggest } from '../util/suggest.ts';
import type { Problem } from './findings.ts';

export type TextCheck = (text: string) => Problem | undefined;

/** A check by regular expression. */
const matches =
  (pattern: RegExp, code: string, what: string, hint?: string): TextCheck =>
  (text) =>
    pattern.test(text) ? undefined : { code, message: `'${text}' is ${what}`, hint };

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const dnsName = new RegExp(`^${label}(?:\\.${label})*$`);

/** Turns a text into a DNS name where that is obvious. */
function asDnsName(text: string): string | undefined {
  const guess = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
  return dnsName.test(guess) && guess.length <= 255 ? guess : undefined;
}

export const checkDnsName: TextCheck = (text) => {
  if (dnsName.test(text) && text.length <= 255) return undefined;
  const guess = asDnsName(text);
  return {
    code: 'SPEC_NAME',
    message: `'${text}' is not a valid DNS name`,
    hint:
      guess === undefined
        ? 'use letters, digits and -; at most 63 between two dots'
        : `did you mean '${guess}'?`,
  };
};

export const checkFleetName: TextCheck = (text) => {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) return undefined;
  const guess = asDnsName(text.replaceAll('.', '-'));
  return {
    code: 'SPEC_NAME',
    message: `'${text}' is not a valid fleet name`,
    hint: guess === undefined ? 'use small letters, digits and -' : `did you mean '${guess}'?`,
  };
};

export const checkKey: TextCheck = (text) => {
  if (/^\d+$/.test(text))
    return {
      code: 'SPEC_NAME',
      message: `the name '${text}' would be taken for a VMID`,
      hint: `use a name with a letter, and 'vmid: ${text}' inside`,
    };
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/.test(text)) return undefined;
  const guess = asDnsName(text);
  return {
    code: 'SPEC_NAME',
    message: `'${text}' is not a valid name of a container`,
    hint: guess === undefined ? 'use letters, digits, - and .' : `did you mean '${guess}'?`,
  };
};

export const checkNode: TextCheck = (text) =>
  /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(text)
    ? undefined
    : {
        code: 'SPEC_NAME',
        message: `'${text}' is not a valid node name`,
        hint: text.includes('.') ? `use the short name: '${text.split('.')[0]}'` : undefined,
      };

export const checkStorage: TextCheck = matches(
  /^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$/,
  'SPEC_NAME',
  'not a valid storage name',
);
export const checkBridge: TextCheck = matches(/^[-_.\w]+$/, 'SPEC_NAME', 'not a valid bridge name');
export const checkBlueprintName: TextCheck = matches(
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  'SPEC_NAME',
  'not a valid blueprint name',
  'give the name, not a path: web, not templates/web.yaml',
);
export const checkPool: TextCheck = matches(
  /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+){0,2}$/,
  'SPEC_NAME',
  'not a valid pool name',
);
/** Linux: IFNAMSIZ leaves 15 characters. */
export const checkInterface: TextCheck = (text) =>
  text === 'lo' || !/^[-_.\w]{1,15}$/.test(text) || /^\.+$/.test(text)
    ? {
        code: 'SPEC_NAME',
        message: `'${text}' is not a valid interface name`,
        hint: 'use for example eth0; at most 15 characters',
      }
    : undefined;
export const checkVariable: TextCheck = matches(/^\w+$/, 'SPEC_NAME', 'not a valid name of a variable');

export const checkTag: TextCheck = (text) => {
  if (text.toLowerCase() === 'pvefleet')
    return {
      code: 'SPEC_RESERVED',
      message: `the tag '${text}' is reserved; it is added by itself`,
      hint: 'leave it out',
    };
  if (isMarkerTag(text))
    return {
      code: 'SPEC_RESERVED',
      message: `the tag '${text}' is reserved: pvefleet sets and removes it itself`,
      hint: 'use another word',
    };
  return /^[A-Za-z0-9_][A-Za-z0-9_+.-]*$/.test(text)
    ? undefined
    : {
        code: 'SPEC_TAG',
        message: `'${text}' is not a valid tag`,
        hint: 'use letters, digits, _ - + and .; it must not start with - + or .',
      };
};

export const checkMac: TextCheck = (text) => {
  if (/^[0-9A-Fa-f][02468ACEace](?::[0-9A-Fa-f]{2}){5}$/.test(text)) return undefined;
  const digits = text.replaceAll(/[:. -]/g, '');
  const isAddress = /^[0-9A-Fa-f]{12}$/.test(digits);
  if (isAddress && /^.[13579BDFbdf]/.test(digits))
    return {
      code: 'SPEC_MAC',
      message: `'${text}' is a multicast address`,
      hint: 'the second digit must be even',
    };
  return {
    code: 'SPEC_MAC',
    message: `'${text}' is not a MAC address`,
    hint: isAddress
      ? `did you mean '${(digits.match(/../g) ?? []).join(':').toUpperCase()}'?`
      : 'write it like BC:24:11:00:00:01',
  };
};

/** `mac: stable`: made from the names (domain/lab/mac.ts). */
export const checkMacOrStable: TextCheck = (text) => (text === 'stable' ? undefined : checkMac(text));

/** Descriptions: no ownership line, and room for one; Proxmox VE stores at most 8192 characters. */
export const checkDescription: TextCheck = (text) => {
  if (/<!--\s*pvefleet\b/i.test(text))
    return {
      code: 'SPEC_RESERVED',
      message: 'the description contains the line by which pvefleet marks its containers',
      hint: 'leave that line out; it is added by itself',
    };
  return text.length > 7900
    ? { code: 'SPEC_RANGE', message: `the description has ${text.length} characters; the most is 7900` }
    : undefined;
};

export const checkTemplate: TextCheck = (text) => {
  if (/^[A-Za-z][\w.-]*:vztmpl\/[^\s/]+$/.test(text) || /^[A-Za-z0-9*?{][^\s/:]*$/.test(text))
    return undefined;
  return {
    code: 'SPEC_TEMPLATE',
    message: `'${text}' is not a template`,
    hint: "use an alias (debian-13), a file name, a pattern of one ('debian-13-*') or a volume (local:vztmpl/FILE)",
  };
};

export const checkHookscript: TextCheck = matches(
  /^[A-Za-z][\w.-]*:snippets\/[^\s/]+$/,
  'SPEC_VALUE',
  'not a hook script',
  'use a volume of content snippets: local:snippets/hook.pl',
);

/** Only the shape; whether the zone exists is a cross-check with a warning, zone tables differ. */
export const checkTimezone: TextCheck = (text) => {
  if (text === 'host' || text === 'UTC' || /^[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+$/.test(text)) return undefined;
  const guess = suggest(text, ['host', 'UTC']);
  return {
    code: 'SPEC_VALUE',
    message: `'${text}' is not a time zone`,
    hint: guess === undefined ? 'use host, UTC or a zone such as Europe/Vienna' : `did you mean '${guess}'?`,
  };
};

/** Absolute and in normal form, so that one directory has one spelling. */
function checkAbsolutePath(text: string, what: string): Problem | undefined {
  const parts = text.split('/').filter((part) => part !== '');
  const normal = `/${parts.join('/')}`;
  if (parts.some((part) => part === '.' || part === '..') || /[,\n\0]/.test(text))
    return {
      code: 'SPEC_PATH',
      message: `'${text}' must not contain '.' and '..' parts, commas or line breaks`,
    };
  return text === normal
    ? undefined
    : { code: 'SPEC_PATH', message: `'${text}' is not ${what}`, hint: `did you mean '${normal}'?` };
}

export const checkMountPath: TextCheck = (text) =>
  /^\/+$/.test(text)
    ? { code: 'SPEC_PATH', message: "'/' is the root disk", hint: "describe it under 'rootfs'" }
    : checkAbsolutePath(text, 'an absolute path in normal form');

export const checkDevicePath: TextCheck = (text) =>
  text.startsWith('/dev/')
    ? checkAbsolutePath(text, 'a device path in normal form')
    : { code: 'SPEC_PATH', message: `'${text}' is not a device path`, hint: 'it starts with /dev/' };

export const checkMountSource: TextCheck = (text) => {
  if (text.startsWith('/')) return checkAbsolutePath(text, 'an absolute path in normal form');
  const [, storage, size] = /^([^:\s]+):(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (storage !== undefined)
    return {
      code: 'SPEC_VALUE',
      message: `'${text}' would create a new volume`,
      hint: `write 'storage: ${storage}' and 'size: ${size}GiB' instead of 'source'`,
    };
  return /^[A-Za-z][\w.-]*:[^\s,]+$/.test(text)
    ? undefined
    : {
        code: 'SPEC_VALUE',
        message: `'${text}' is neither a volume nor a path`,
        hint: 'use local-lvm:vm-100-disk-1, /srv/data or /dev/sdb1',
      };
};

const KiB = 1024;

/** A number without unit: memory of a few units is meant in GiB, as disks are. */
function guessUnit(digits: string, disk: boolean): string {
  return `${digits}${disk || Number(digits) < 16 ? 'GiB' : 'MiB'}`;
}

/**
 * Makes a check for sizes.
 *
 * @param leastMiB - the smallest size, in MiB.
 * @param disk - a disk: whole KiB, and bare numbers are probably GiB; else memory: whole MiB.
 * @returns the check; a unit is always wanted.
 */
export function checkSize(leastMiB: number, disk: boolean): TextCheck {
  return (text) => {
    const trimmed = text.trim();
    if (/^-\s*\d/.test(trimmed))
      return { code: 'SPEC_RANGE', message: `'${text}' is negative; the least is ${leastMiB}MiB` };
    const size = parseSize(trimmed);
    if ('error' in size) {
      const meant = /^\d+(?:\.\d+)?$/.test(trimmed) ? guessUnit(trimmed, disk) : size.suggestion;
      const hint = /^\d/.test(trimmed) ? `did you mean ${meant}?` : 'write for example 512MiB';
      return { code: 'SPEC_SIZE', message: size.error, hint: meant === undefined ? undefined : hint };
    }
    if (!Number.isInteger(size.bytes / (disk ? KiB : MiB)))
      return {
        code: 'SPEC_SIZE',
        message: `'${text}' is no whole number of ${disk ? 'KiB' : 'MiB'}`,
        hint: `did you mean ${Math.max(leastMiB, Math.round(size.bytes / MiB))}MiB?`,
      };
    return size.bytes < leastMiB * MiB
      ? { code: 'SPEC_RANGE', message: `'${text}' is too small; the least is ${leastMiB}MiB` }
      : undefined;
  };
}

export const checkSshKey: TextCheck = (text) => {
  if (text.includes('PRIVATE KEY'))
    return { code: 'SPEC_SECRET', message: 'this is a private key', hint: 'give the line of the .pub file' };
  return /(?:^|\s)(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{16,}={0,3}(?:\s|$)/.test(
    text,
  ) && !/[\r\n]/.test(text.trimEnd())
    ? undefined
    : {
        code: 'SPEC_VALUE',
        message: 'this is not a line of an SSH public key',
        hint: 'give the line of the .pub file: ssh-ed25519 AAAA… name',
      };
};
