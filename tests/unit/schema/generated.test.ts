/** The generated schema as its users see it; the generator's own rules are tested on small inputs. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { normaliseOperation } from '../../../src/schema/generator/normalise.ts';
import { perlToJs } from '../../../src/schema/generator/perl-regex.ts';
import { readApidata } from '../../../src/schema/generator/read-apidata.ts';
import { findOperation, findParameter, loadSchema } from '../../../src/schema/load.ts';
import { splitIndexedKey } from '../../../src/schema/overlay.ts';
import { fillPath, pathParameters } from '../../../src/schema/route.ts';

describe('schema', () => {
  it('holds all operations of the source', () => {
    const { source, operations } = loadSchema();
    expect(Object.keys(operations)).toHaveLength(661);
    expect(source.operations).toBe(661);
    expect(source.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('carries no prose', () => {
    const text = readFileSync(new URL('../../../src/schema/generated/schema.json', import.meta.url), 'utf8');
    expect(text).not.toMatch(/"(description|verbose_description|format_description|title|typetext)":\s*"/);
    const sentences = [...text.matchAll(/"([^"\\]+)"/g)].filter((match) =>
      /^[A-Z][a-z]+( [a-z]+){3,}/.test(match[1] as string),
    );
    expect(sentences.map((match) => match[1])).toEqual([]);
  });

  it('has only patterns that compile', () => {
    const patterns = [...JSON.stringify(loadSchema()).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(
      (m) => JSON.parse(m[1] as string) as string,
    );
    expect(patterns.length).toBeGreaterThan(300);
    for (const pattern of patterns) expect(() => new RegExp(`^(?:${pattern})$`)).not.toThrow();
  });

  it('finds indexed parameters up to their last index', () => {
    const create = findOperation('POST', '/nodes/{node}/lxc');
    expect(create && findParameter(create, 'net31')).toBeDefined();
    expect(create && findParameter(create, 'net32')).toBeUndefined();
    expect(create && findParameter(create, 'net01')).toBeUndefined();
    expect(splitIndexedKey('mp255')).toEqual({ family: 'mp', index: 255 });
    expect(splitIndexedKey('constructor1')).toBeUndefined();
  });
});

describe('generator', () => {
  it.each([
    ['(?^:[a-z]+)', 'ab', 'AB'],
    ['(?^i:[a-z0-9_]+)', 'aB9_', 'a-b'],
    ['(?^i:foo|bar)', 'FoO', 'fo'],
    ['x(?^i:[a-z])y', 'xQy', 'XQy'],
    ['(?^u:^((?>[+-]?[\\w=]+,?)+)$)', '+a,b', '!'],
  ])('converts %s', (perl, fits, fitsNot) => {
    const expression = new RegExp(`^(?:${perlToJs(perl)})$`);
    expect(expression.test(fits)).toBe(true);
    expect(expression.test(fitsNot)).toBe(false);
  });

  it('reads the tree and leaves descriptions behind', () => {
    const source = `const apiSchema = [{ path: '/a', info: { GET: { name: 'x', allowtoken: 0, description: 'Long prose.', protected: 1,
      permissions: { description: 'More prose.', user: 'all' },
      parameters: { additionalProperties: 0, properties: { n: { optional: '1', minimum: '0', description: 'Prose.', default: 'cgroup v1: 1024, cgroup v2: 100' } } },
      returns: { type: 'string' } } }, children: [{ path: '/a/{b}', info: {} }] }]`;
    expect(readApidata(source).map(normaliseOperation)).toEqual([
      {
        method: 'GET',
        path: '/a',
        name: 'x',
        tokenAllowed: false,
        protected: true,
        permissions: { user: 'all', checkedInCode: true },
        parameters: {
          properties: { n: { type: 'string', optional: true, minimum: 0 } },
          additionalProperties: false,
        },
        returns: { type: 'string' },
      },
    ]);
  });

  it('gives the source no access to the machine', () => {
    expect(() => readApidata('const apiSchema = process.env')).toThrow(/process is not defined/);
    expect(() => readApidata('const apiSchema = 1')).toThrow(
      'apidata.js does not define the array apiSchema',
    );
  });
});

describe('route', () => {
  it('encodes each value as one segment', () => {
    expect(
      fillPath('/storage/{s}/content/{volume}', { s: 'local', volume: 'local:vztmpl/a.tar.zst', x: '1' }),
    ).toEqual({
      path: '/storage/local/content/local%3Avztmpl%2Fa.tar.zst',
      rest: { x: '1' },
    });
    expect(pathParameters('/nodes/{node}/lxc/{vmid}')).toEqual(['node', 'vmid']);
  });

  it('refuses an empty segment', () => {
    expect(() => fillPath('/nodes/{node}', { node: '' })).toThrow('no value for {node}');
  });
});
