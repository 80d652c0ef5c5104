/** The committed JSON Schemas: as the code generates them, and agreeing with the loader on what is right and wrong. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { blueprintJsonSchema, fleetJsonSchema } from '../../../src/spec/json-schema.ts';
import { parseProfiles } from '../../../src/spec/profile.ts';
import { toFleetFile } from '../../../src/spec/write.ts';
import { fleetArbitrary } from '../../property/spec/fleet-arbitrary.ts';
import { load, withContainer } from '../../unit/spec/support.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const schema = (name: string): object => JSON.parse(read(`config/schema/${name}.schema.json`)) as object;
const compile = (name: string): ValidateFunction =>
  new Ajv({ allErrors: true, strict: false }).compile(schema(name));
/** Errors of a validation; none when the value is accepted. */
const errorsOf = (validate: ValidateFunction, value: unknown): unknown =>
  validate(value) ? [] : validate.errors;
const names = (folder: string): string[] =>
  readdirSync(new URL(folder, root)).filter((file) => file.endsWith('.yaml'));

describe('generated schemas', () => {
  it.each([
    ['fleet', fleetJsonSchema],
    ['blueprint', blueprintJsonSchema],
  ])('%s.schema.json is fresh', (name, generate) => {
    const isFresh = read(`config/schema/${name}.schema.json`) === `${JSON.stringify(generate(), null, 2)}\n`;
    expect(isFresh ? 'fresh' : 'stale: run `npm run generate:schemas` and commit the result').toBe('fresh');
  });

  it('describes every key', () => {
    const missing: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        if (key === 'properties')
          for (const [name, property] of Object.entries(value as Record<string, { description?: string }>))
            if (!property.description && !['from', 'to'].includes(name)) missing.push(`${path}.${name}`);
        visit(value, `${path}.${key}`);
      }
    };
    visit(schema('fleet'), '');
    expect(missing).toEqual([]);
  });
});

describe('fleet.schema.json', () => {
  const accepts = compile('fleet');

  it.each(names('config/examples'))('accepts the example %s', (name) => {
    expect(errorsOf(accepts, parse(read(`config/examples/${name}`)))).toEqual([]);
  });

  it('accepts every file that the loader accepts', () => {
    fc.assert(
      fc.property(fleetArbitrary, (fleet) => {
        expect(errorsOf(accepts, JSON.parse(JSON.stringify(toFleetFile(fleet))))).toEqual([]);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  const withStudents = (students: string): string => `version: 1
fleet: lab
defaults: { node: pve1, template: debian-13, rootfs: { storage: local-lvm, size: 8GiB } }
students: ${students}
`;
  it.each<[string, boolean, string]>([
    [
      'people as a list',
      true,
      '{ roster: [{ name: Anna, memory: 1GiB, ip: 10.0.0.5/24 }], nets: { eth0: { bridge: vmbr0 } } }',
    ],
    ['people as a map', true, '{ roster: { anna: { group: A }, ben: null } }'],
    [
      'groups',
      true,
      '{ count: 3, groups: { A: { memory: 1GiB, containers: { web: { cores: 2 } } } }, containers: { web: null } }',
    ],
    [
      'accounts',
      true,
      '{ count: 3, accounts: { role: { privileges: [VM.Audit] }, pool: null, expire: 2027-02-15 } }',
    ],
    [
      'a range',
      true,
      '{ count: 3, nets: { eth0: { bridge: vmbr0, ip: { range: 10.0.0.0/24, exclude: 10.0.0.9 } } } }',
    ],
    ['an unknown key of a person', false, '{ roster: [{ name: Anna, memroy: 1GiB }] }'],
    ['an unknown key of a group', false, '{ count: 3, groups: { A: { memroy: 1GiB } } }'],
    ['an unknown key of accounts', false, '{ count: 3, accounts: { relm: pve } }'],
    [
      'a range without its addresses',
      false,
      '{ count: 3, nets: { eth0: { bridge: vmbr0, ip: { prefix: 24 } } } }',
    ],
    ['a roster that is a number', false, '{ roster: 5 }'],
  ])('judges %s as the loader does', (_name, want, students) => {
    const text = withStudents(students);
    expect(load(text).fleet !== undefined).toBe(want);
    expect(accepts(parse(text))).toBe(want);
  });

  it.each([
    ['an unknown key', 'memroy: 1GiB'],
    ['a size without unit', 'memory: 512'],
    ['a decimal unit', 'memory: 512MB'],
    ['a boolean that is none', 'onboot: yes'],
    ['no cores', 'cores: 0'],
    ['a literal password', 'password: hunter2'],
    ['an unknown choice', 'power: on'],
    ['tags that are no list', 'tags: web'],
    ['an unknown key of an interface', 'nets: { eth0: { bridge: vmbr0, gw: 10.0.0.1 } }'],
    ['a mode as number', 'devices: { /dev/fuse: { mode: 660 } }'],
    ['null where something must be', 'memory: null'],
  ])('refuses %s, as the loader does', (_name, body) => {
    const text = withContainer(body);
    expect(load(text).fleet).toBeUndefined();
    expect(accepts(parse(text))).toBe(false);
  });
});

describe('blueprint.schema.json', () => {
  const accepts = compile('blueprint');

  it.each(names('templates/blueprints'))('accepts the blueprint %s', (name) => {
    expect(errorsOf(accepts, parse(read(`templates/blueprints/${name}`)))).toEqual([]);
  });

  it('refuses keys of a single container', () => {
    expect(accepts({ vmid: 100 })).toBe(false);
  });
});

describe('config.schema.json', () => {
  const accepts = compile('config');
  const verdict = (text: string): [boolean, boolean] => [
    accepts(parse(text)),
    parseProfiles('config.yaml', text).profiles !== undefined,
  ];

  it('accepts the example', () => {
    expect(verdict(read('config/pvefleet.example.yaml'))).toEqual([true, true]);
  });

  it.each([
    ['no URL', 'profiles: { a: { username: root@pam } }'],
    ['two kinds of URL', 'profiles: { a: { url: "https://a:8006", urls: ["https://a:8006"] } }'],
    ['no scheme', 'profiles: { a: { url: "pve1:8006" } }'],
    ['an unknown key', 'profiles: { a: { url: "https://a:8006", user: x } }'],
    ['a bad token id', 'profiles: { a: { url: "https://a:8006", token: { id: root@pam } } }'],
    ['a short fingerprint', 'profiles: { a: { url: "https://a:8006", fingerprint: "AA" } }'],
    ['a limit of 0', 'profiles: { a: { url: "https://a:8006", limits: { actions: 0 } } }'],
    ['no profiles', 'default: a'],
  ])('refuses %s, as the reader does', (_name, text) => {
    expect(verdict(text)).toEqual([false, false]);
  });
});
