import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeForm } from '../../../src/codec/form.ts';

describe('encodeForm', () => {
  it.each([
    ['text', { a: 'x' }, 'a=x'],
    ['blanks and letters beyond ASCII', { a: 'ä b' }, 'a=%C3%A4+b'],
    ['what would split a pair', { a: 'k=v;w&x' }, 'a=k%3Dv%3Bw%26x'],
    ['NUL, which separates environment variables', { env: 'A=1\0B=2' }, 'env=A%3D1%00B%3D2'],
    ['booleans', { on: true, off: false }, 'on=1&off=0'],
    ['integers', { memory: 2048 }, 'memory=2048'],
    ['a million without exponent', { a: 1_000_000 }, 'a=1000000'],
    [
      'numbers that JavaScript writes with an exponent',
      { a: 1e21, b: 1e-7 },
      'a=1000000000000000000000&b=0.0000001',
    ],
    ['fractions', { cpulimit: 1.5 }, 'cpulimit=1.5'],
    ['lists repeat the key', { a: ['x', 'y'] }, 'a=x&a=y'],
    ['an empty list is nothing', { a: [], b: 'c' }, 'b=c'],
    ['undefined is left out', { a: undefined, b: 'c' }, 'b=c'],
    ['nothing', {}, ''],
  ])('writes %s', (_, params, want) => {
    expect(encodeForm(params)).toBe(want);
  });

  it.each([
    ['null', null],
    ['an object', { $secret: 'env:X' }],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
  ])('refuses %s', (_, value) => {
    expect(() => encodeForm({ a: value as never })).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('never leaves a separator of the server in a value, and can be read back', () => {
    const record = fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(record, (params) => {
        const text = encodeForm(params);
        // PVE: AnyEvent.pm splits at `&` and `;`, and each pair at its first two `=`.
        for (const pair of text === '' ? [] : text.split(/[&;]/)) expect(pair.split('=')).toHaveLength(2);
        expect([...new URLSearchParams(text)]).toEqual(Object.entries(params));
      }),
      { seed: 11, numRuns: 200 },
    );
  });
});
