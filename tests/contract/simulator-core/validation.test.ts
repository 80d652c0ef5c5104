/** The parameter check (schema-rules §1–§4): texts and rules, beyond what the conformance scenarios send. */
import { beforeAll, describe, expect, test } from 'vitest';
import { findOperation } from '../../../src/schema/load.ts';
import type { HttpMethod, Operation, ParamSchema } from '../../../src/schema/types.ts';
import { SimError } from '../../../src/simulator/context.ts';
import { validateParams } from '../../../src/simulator/validate/schema.ts';

function operation(key: string): Operation {
  const [method, path] = key.split(' ') as [HttpMethod, string];
  const found = findOperation(method, path);
  if (!found) throw new Error(`no operation ${key}`);
  return found;
}

/** An operation with parameters of the test's own. */
function made(properties: Record<string, ParamSchema>, additionalProperties = false): Operation {
  return { ...operation('GET /version'), parameters: { properties, additionalProperties } };
}

function errorsOf(target: Operation, params: Record<string, unknown>): Record<string, string> {
  try {
    validateParams(target, params);
    return {};
  } catch (error) {
    if (!(error instanceof SimError) || error.status !== 400) throw error;
    return { ...error.errors };
  }
}

describe('types', () => {
  const target = made({
    b: { type: 'boolean', optional: true },
    i: { type: 'integer', optional: true },
    n: { type: 'number', optional: true },
    s: { type: 'string', optional: true },
    a: { type: 'array', optional: true, items: { type: 'integer' } },
    o: {
      type: 'object',
      optional: true,
      properties: { k: { type: 'integer' } },
      additionalProperties: false,
    },
  });
  test.each<[name: string, params: Record<string, unknown>]>([
    ['booleans', { b: '1' }],
    ['JSON booleans', { b: false }],
    ['signed and padded integers', { i: '+007' }],
    ['decimals and exponents', { n: '-1.5e+3' }],
    ['a fraction without its zero', { n: '.5' }],
    ['numbers as text', { s: 12 }],
    ['a scalar for a list', { a: '5' }],
    ['lists', { a: [1, '2'] }],
    ['objects', { o: { k: 1 } }],
    ['null as not given', { i: null }],
    ['a known key without value', { i: undefined }],
  ])('accepts %s', (_, params) => {
    expect(errorsOf(target, params)).toEqual({});
  });
  test.each<[params: Record<string, unknown>, errors: Record<string, string>]>([
    [{ b: 'yes' }, { b: "type check ('boolean') failed - got 'yes'" }],
    [{ b: '' }, { b: "type check ('boolean') failed - got ''" }],
    [{ i: 1.5 }, { i: "type check ('integer') failed - got '1.5'" }],
    [{ i: ['1', '2'] }, { i: "type check ('integer') failed - got ARRAY" }],
    [{ n: 'fast' }, { n: "type check ('number') failed - got 'fast'" }],
    [{ s: { a: 1 } }, { s: "type check ('string') failed - got HASH" }],
    [{ s: true }, { s: "type check ('string') failed - got JSON::PP::Boolean" }],
    [{ a: { x: 1 } }, { a: "type check ('array') failed" }],
    [{ a: [1, 'x'] }, { 'a[1]': "type check ('integer') failed - got 'x'" }],
    [{ o: '1' }, { o: "type check ('object') failed" }],
    [
      { o: { k: 'x', l: 1 } },
      {
        'o.k': "type check ('integer') failed - got 'x'",
        'o.l': 'property is not defined in schema and the schema does not allow additional properties',
      },
    ],
    [
      { x: undefined },
      { x: 'property is not defined in schema and the schema does not allow additional properties' },
    ],
  ])('refuses %o', (params, errors) => {
    expect(errorsOf(target, params)).toEqual(errors);
  });
});

describe('order of the checks of one value', () => {
  const schema: ParamSchema = {
    type: 'string',
    format: 'pve-configid',
    pattern: 'a[a-z]+',
    minLength: 3,
    maxLength: 5,
    enum: ['abc', 'abd'],
  };
  test.each<[value: string, text: string]>([
    ['1', "invalid format - invalid configuration ID '1'\n"],
    ['bcd', 'value does not match the regex pattern'],
    ['abcdef', 'value may only be 5 characters long'],
    ['ab', 'value must be at least 3 characters long'],
    ['abe', "value 'abe' does not have a value in the enumeration 'abc, abd'"],
  ])('%s', (value, text) => {
    expect(errorsOf(made({ v: schema }), { v: value })).toEqual({ v: text });
  });
  test('the maximum comes before the minimum, both after the format', () => {
    const range: ParamSchema = { type: 'integer', minimum: 10, maximum: 20, format: 'pve-vmid' };
    expect(errorsOf(made({ v: range }), { v: '5' })['v']).toContain('invalid format');
    expect(errorsOf(made({ v: { ...range, format: 'disk-size' } }), { v: 21 })).toEqual({
      v: 'value must have a maximum value of 20',
    });
    expect(errorsOf(made({ v: { ...range, format: 'disk-size' } }), { v: 9 })).toEqual({
      v: 'value must have a minimum value of 10',
    });
  });
  test('characters are counted, not bytes', () => {
    expect(errorsOf(made({ v: { type: 'string', maxLength: 3 } }), { v: '✓✓😀' })).toEqual({});
  });
  test('patterns are anchored; a newline at the end passes', () => {
    const target = made({ v: { type: 'string', pattern: 'a|b' } });
    expect(errorsOf(target, { v: 'a\n' })).toEqual({});
    expect(errorsOf(target, { v: 'ab' })).toEqual({ v: 'value does not match the regex pattern' });
  });
});

describe('lists', () => {
  const target = made({
    l: { type: 'string', format: 'pve-tag-list', optional: true },
    e: { type: 'string', format: 'email-opt', optional: true },
  });
  test('a repeated key is joined', () => {
    expect(validateParams(target, { l: ['a', 'b'] })['l']).toBe('a,b');
  });
  test('may be empty, as -opt values may', () => {
    expect(errorsOf(target, { l: '', e: '' })).toEqual({});
  });
  test('each element is checked', () => {
    expect(errorsOf(target, { l: 'ok;b@d', e: 'x' })).toEqual({
      l: 'invalid format - invalid characters in tag\n',
      e: 'invalid format - value does not look like a valid email address\n',
    });
  });
});

describe('dependencies', () => {
  const target = made({
    a: { type: 'string', optional: true, requires: 'c' },
    b: { type: 'string', optional: true, requires: 'c' },
    c: { type: 'string', optional: true },
  });
  test('name the missing parameter; several texts of one key are joined by a backslash and an n', () => {
    expect(errorsOf(target, { a: 'x' })).toEqual({ c: "missing property required by 'a'" });
    expect(errorsOf(target, { a: 'x', b: 'x' })).toEqual({
      c: String.raw`missing property required by 'a'\nmissing property required by 'b'`,
    });
    expect(errorsOf(target, { a: 'x', c: 'x' })).toEqual({});
  });
});

describe('property strings', () => {
  const create = operation('POST /nodes/{node}/lxc');
  const base = { node: 'pve1', vmid: '100', ostemplate: 'local:vztmpl/x.tar.zst' };
  test('indexed keys end where the server ends them', () => {
    const unknown = 'property is not defined in schema and the schema does not allow additional properties';
    expect(
      errorsOf(create, { ...base, net31: 'name=eth0', mp255: 'a:1,mp=/x', dev255: '/dev/null' }),
    ).toEqual({});
    expect(errorsOf(create, { ...base, net32: 'name=eth0', 'net[n]': 'x', net01: 'name=a' })).toEqual({
      net32: unknown,
      'net[n]': unknown,
      net01: unknown,
    });
  });
  test('faults of sub-keys are lines below "format error"', () => {
    const { net0 = '' } = errorsOf(create, { ...base, net0: 'bridge=vmbr0,tag=x' });
    expect(net0.split('\n').toSorted()).toEqual(
      [
        '',
        'invalid format - format error',
        'net0.name: property is missing and it is not optional',
        "net0.tag: type check ('integer') failed - got 'x'",
      ].toSorted(),
    );
  });
  test('named formats may be property strings too', () => {
    const backup = operation('POST /nodes/{node}/vzdump');
    expect(errorsOf(backup, { node: 'pve1', 'prune-backups': 'keep-last=3,keep-daily=7' })).toEqual({});
    expect(errorsOf(backup, { node: 'pve1', 'prune-backups': 'keep-last=x' })).toEqual({
      'prune-backups':
        "invalid format - format error\nprune-backups.keep-last: type check ('integer') failed - got 'x'\n",
    });
  });
});

describe('what handlers get', () => {
  test('JSON booleans as numbers, everything else as it came', () => {
    const target = made({
      b: { type: 'boolean' },
      c: { type: 'boolean' },
      n: { type: 'integer' },
      s: { type: 'string' },
    });
    expect({ ...validateParams(target, { b: true, c: '0', n: 5, s: 'x' }) }).toEqual({
      b: 1,
      c: '0',
      n: 5,
      s: 'x',
    });
  });
});

describe('the whole schema', () => {
  let operations: Operation[] = [];
  beforeAll(async () => {
    const { loadSchema } = await import('../../../src/schema/load.ts');
    operations = Object.values(loadSchema().operations);
  });
  test('every operation can be checked, with nothing and with nonsense in every parameter', () => {
    for (const target of operations) {
      const names = Object.keys(target.parameters.properties);
      const nonsense = Object.fromEntries(names.map((name) => [name.replace('[n]', '0'), '\u0001,=;x=,']));
      const required = names.filter((name) => {
        const schema = target.parameters.properties[name];
        return !schema?.optional && schema?.alias === undefined && schema?.oneOf === undefined;
      });
      expect(Object.keys(errorsOf(target, {}))).toEqual(expect.arrayContaining(required));
      expect(() => errorsOf(target, nonsense)).not.toThrow();
    }
  });
});
