/** What is written can be read back, for every object format of the official schema. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinDescription, splitDescription } from '../../../src/codec/description.ts';
import { splitList } from '../../../src/codec/list.ts';
import { decodeLxcConfig, encodeLxcConfig, type LxcConfig } from '../../../src/codec/lxc-config.ts';
import { decodeProperties, encodeProperties } from '../../../src/codec/property-string.ts';
import { decodeDiskSize, decodeNumber, encodeDiskSize, encodeNumber } from '../../../src/codec/scalar.ts';
import { loadSchema } from '../../../src/schema/load.ts';
import type { ObjectFormat, ParamSchema } from '../../../src/schema/types.ts';

/** All object formats of the schema, each once, with a place where it occurs. */
function objectFormats(): [string, ObjectFormat][] {
  const found = new Map<string, [string, ObjectFormat]>();
  const visit = (schema: ParamSchema, place: string): void => {
    if (typeof schema.format === 'object') {
      const text = JSON.stringify(schema.format);
      if (!found.has(text)) found.set(text, [place, schema.format]);
      for (const [key, row] of Object.entries(schema.format)) visit(row, `${place}.${key}`);
    }
    for (const [key, row] of Object.entries(schema.properties ?? {})) visit(row, `${place}/${key}`);
    if (schema.items) visit(schema.items, `${place}[]`);
    for (const row of schema.oneOf ?? []) visit(row, place);
  };
  for (const [name, { parameters, returns }] of Object.entries(loadSchema().operations)) {
    for (const [key, row] of Object.entries(parameters.properties)) visit(row, `${name} ${key}`);
    visit(returns, `${name} →`);
  }
  return [...found.values()];
}

const text = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })
  .map((given) => given.replaceAll(',', ';'));

function valueFor(row: ParamSchema): fc.Arbitrary<string | number | boolean> {
  if (row.type === 'boolean') return fc.boolean();
  if (row.type === 'integer') return fc.integer({ min: row.minimum ?? 0, max: row.maximum ?? 2 ** 40 });
  if (row.type === 'number') return fc.integer({ min: 0, max: 10 ** 7 }).map((n) => n / 100);
  if (row.format === 'disk-size') return fc.integer({ min: 0, max: 2 ** 50 });
  return row.enum ? fc.constantFrom(...row.enum) : text;
}

function objectOf(format: ObjectFormat): fc.Arbitrary<Record<string, unknown>> {
  const rows = Object.entries(format).filter(([, row]) => row.alias === undefined);
  return fc.record(Object.fromEntries(rows.map(([key, row]) => [key, valueFor(row)])), {
    requiredKeys: rows.filter(([, row]) => !row.optional).map(([key]) => key),
  });
}

const formats = objectFormats();

describe('property strings', () => {
  test('the schema has the formats that this test is about', () => {
    expect(formats.length).toBeGreaterThanOrEqual(52);
    expect(formats.some(([, format]) => format['virtio']?.keyAlias === 'model')).toBe(true);
  });

  test.each(formats)('%s', (_, format) => {
    fc.assert(
      fc.property(objectOf(format), (value) => {
        const written = encodeProperties(format, value);
        expect(decodeProperties(format, written)).toEqual(value);
        expect(encodeProperties(format, decodeProperties(format, written))).toBe(written);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('the order of members does not matter', () => {
    const [, format] = formats.find(([place]) => place === 'POST /nodes/{node}/lxc net[n]') as [
      string,
      ObjectFormat,
    ];
    fc.assert(
      fc.property(objectOf(format), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(encodeProperties(format, turned)).toBe(encodeProperties(format, value));
      }),
      { numRuns: 50, seed: 2 },
    );
  });
});

describe('single values', () => {
  test('disk sizes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (bytes) => {
        expect(decodeDiskSize(encodeDiskSize(bytes))).toBe(bytes);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  test('numbers, without an exponent', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.maxSafeInteger(),
          fc.integer().map((n) => n / 1000),
        ),
        (number) => {
          const written = encodeNumber(number);
          expect(written).not.toMatch(/e/i);
          expect(decodeNumber(written)).toBe(number);
        },
      ),
      { numRuns: 300, seed: 4 },
    );
  });

  test('lists', () => {
    const word = fc.stringMatching(/^[a-z0-9.:-]{1,8}$/);
    fc.assert(
      fc.property(fc.array(word), fc.constantFrom(',', ';', ' ', ', ', ' ; '), (words, separator) => {
        expect(splitList(words.join(separator))).toEqual(words);
      }),
      { numRuns: 100, seed: 5 },
    );
  });
});

test('the ownership line never disturbs a description', () => {
  const line = fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .map((given) => given.replaceAll(/[\r\n]/g, ' '));
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 4 }),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
      fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,10}$/),
      fc.stringMatching(/^[0-9a-f]{64}$/),
      (lines, fleet, key, specDigest) => {
        const description = lines.join('\n').trimEnd();
        const owner = { fleet, key, specDigest };
        const joined = joinDescription(description, owner);
        expect(splitDescription(joined)).toEqual({ text: description, ownership: owner });
        expect(splitDescription(`${joined}\n`).ownership).toEqual(owner);
        expect(joinDescription(joined, owner)).toBe(joined);
      },
    ),
    { numRuns: 200, seed: 6 },
  );
});

test('config records', () => {
  const lxc = (name: string): ObjectFormat => {
    const row = loadSchema().operations['POST /nodes/{node}/lxc']?.parameters.properties[name];
    if (typeof row?.format !== 'object') throw new Error(`${name} has no object format`);
    return row.format;
  };
  const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/);
  const words = fc.uniqueArray(word, { minLength: 1, maxLength: 3 });
  const several = (family: string, format: ObjectFormat): fc.Arbitrary<Record<string, unknown>> =>
    fc.dictionary(
      fc.integer({ min: 0, max: 30 }).map((n) => `${family}${n}`),
      objectOf(format),
      { maxKeys: 3, noNullPrototype: true },
    );
  const config = fc.record(
    {
      hostname: word,
      memoryMiB: fc.nat(),
      swapMiB: fc.nat(),
      cores: fc.integer({ min: 1, max: 8192 }),
      cpuLimit: fc.integer({ min: 0, max: 800 }).map((n) => n / 10),
      rootfs: objectOf(lxc('rootfs')),
      features: objectOf(lxc('features')).filter((value) => Object.keys(value).length > 0),
      tags: words,
      description: fc.stringMatching(/^[a-z# ]{1,10}(\n[a-z]{1,5})?$/),
      nameservers: words,
      searchDomains: words,
      startup: fc.record({ order: fc.nat(), up: fc.nat() }),
      env: fc.dictionary(fc.stringMatching(/^[A-Z]{1,4}$/), fc.stringMatching(/^[a-z =,;]{0,6}$/), {
        minKeys: 1,
        maxKeys: 3,
        noNullPrototype: true,
      }),
      onboot: fc.boolean(),
      unprivileged: fc.boolean(),
      console: fc.boolean(),
      tty: fc.integer({ min: 0, max: 6 }),
      cmode: fc.constantFrom('tty', 'console', 'shell'),
      nets: several('net', lxc('net[n]')),
      mounts: several('mp', lxc('mp[n]')),
      devices: several('dev', lxc('dev[n]')).filter((devices) =>
        Object.values(devices).every((device) => Object.keys(device as object).length > 0),
      ),
    },
    { requiredKeys: ['nets', 'mounts', 'devices'] },
  );
  fc.assert(
    fc.property(config, fc.boolean(), (given, asText) => {
      const whole = { ...given, unused: {}, other: {} } as unknown as LxcConfig;
      const raw = encodeLxcConfig(whole);
      const sent = asText
        ? Object.fromEntries(
            Object.entries(raw).map(([key, value]) => [
              key,
              typeof value === 'boolean' ? String(Number(value)) : String(value),
            ]),
          )
        : raw;
      expect(decodeLxcConfig(sent)).toEqual(whole);
    }),
    { numRuns: 150, seed: 7 },
  );
});
