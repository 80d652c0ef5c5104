/** Fields by their id: reading one, and telling whether it became what was planned. */
import { splitDescription } from '../codec/description.ts';
import type { LxcConfig } from '../codec/lxc-config.ts';
import { parseSize } from '../util/bytes.ts';
import { deepEqual } from '../util/compare.ts';
import { entriesOf, familyNames, familyOf } from './families.ts';
import { fieldRows, rootfsStorage } from './fields.ts';
import { spellBoostField } from './lab/boost.ts';
import { spellExpiryField } from './lab/expiry.ts';
import { spellFrozenField } from './lab/frozen.ts';
import { ownerName, studentName } from './ownership.ts';
import type { FieldChange, JsonValue } from './plan.ts';
import { asObject, isSizeReached, spellBytes } from './spelling.ts';

/**
 * Reads a field of a config by its id.
 *
 * @param field - id of the field table, for example `memory` or `mounts./data.size`.
 * @param config - a config.
 * @returns its value as a fleet file spells it; undefined when it is no field of the config, such as `power`.
 */
export function readField(field: string, config: LxcConfig): JsonValue | undefined {
  const row = fieldRows.find((one) => one.field === field);
  if (row) return row.read(config);
  if (field === 'rootfs.storage') return rootfsStorage(config);
  if (field === 'rootfs.size')
    return config.rootfs?.size === undefined ? null : spellBytes(config.rootfs.size);
  if (field === 'isTemplate') return config.template ?? false;
  if (field === 'ownership') {
    const { ownership } = splitDescription(config.description ?? '');
    return ownership ? ownerName(ownership) : null;
  }
  if (field === 'expires') return splitDescription(config.description ?? '').ownership?.expires ?? null;
  if (field === 'expiry') return spellExpiryField(config);
  if (field === 'boost') return spellBoostField(config);
  if (field === 'frozen') return spellFrozenField(config);
  if (field === 'student') {
    const { ownership } = splitDescription(config.description ?? '');
    return ownership?.student === undefined ? null : studentName(ownership);
  }
  if (field === 'reset') return splitDescription(config.description ?? '').ownership?.reset ?? null;
  const family = familyNames.find((name) => field.startsWith(`${name}.`));
  if (!family) return undefined;
  const entries = entriesOf(family, config);
  const identity = field.slice(family.length + 1);
  const entry = entries.get(identity);
  if (entry) return familyOf(family).show(entry.item);
  const [, part, name = ''] = /^(.*)\.(size|storage)$/.exec(identity) ?? [];
  const parent = part === undefined ? undefined : entries.get(part);
  return parent ? (familyOf(family).show(parent.item)[name] ?? null) : null;
}

function isSize(field: string, wanted: JsonValue, found: JsonValue): boolean {
  if (typeof wanted !== 'string' || typeof found !== 'string' || !/(?:^|\.)size$/.test(field)) return false;
  const [a, b] = [parseSize(found), parseSize(wanted)];
  return 'bytes' in a && 'bytes' in b && isSizeReached(a.bytes, b.bytes);
}

/**
 * Compares a found value with a planned one; what the server adds on its own does not count.
 *
 * @param change - the planned change.
 * @param found - value read afterwards.
 * @returns whether the change is there.
 */
export function isAsPlanned({ field, from, to }: FieldChange, found: JsonValue): boolean {
  const [was, wanted, is] = [asObject(from), asObject(to), asObject(found)];
  if (!wanted || !is) return deepEqual(to, found) || isSize(field, to, found);
  const keys = new Set([...Object.keys(was ?? {}), ...Object.keys(wanted)]);
  return [...keys].every((key) => {
    const [a, b] = [wanted[key] ?? null, is[key] ?? null];
    return deepEqual(a, b) || isSize(key, a, b);
  });
}
