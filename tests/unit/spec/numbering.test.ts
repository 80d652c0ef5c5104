import { describe, expect, it } from 'vitest';
import { fillNumber } from '../../../src/spec/numbering.ts';

describe('fillNumber', () => {
  it.each([
    ['student-{n}', 7, 'student-7'],
    ['student-{nn}', 7, 'student-07'],
    ['student-{nnn}', 1234, 'student-1234'],
    ['10.1.0.{100+n}/24', 5, '10.1.0.105/24'],
    ['{n-1}', 1, '0'],
    ['{2*n+1}', 3, '7'],
    ['{2*(n+1)}', 3, '8'],
    ['10.{(n-1)/250}.{(n-1)%250+1}.5', 251, '10.1.1.5'],
    ['pve{n%3+1}', 3, 'pve1'],
    ['{ nn + 10 }', 2, '12'],
    ['{n}-{n}', 2, '2-2'],
    ['{{n}} is {n}', 2, '{n} is 2'],
    ['nothing', 2, 'nothing'],
    ['{10-n-1}', 3, '6'],
  ])('fills %s with %i', (text, n, want) => {
    expect(fillNumber(text, n)).toEqual({ text: want });
  });

  it.each([
    ['{x}', "'{x}' is no expression of n"],
    ['{5}', "'{5}' is no expression of n"],
    ['{n+}', "'{n+}' is no expression of n"],
    ['{(n}', "'{(n}' is no expression of n"],
    ['{n n}', "'{n n}' is no expression of n"],
    ['{n/0}', "'{n/0}' is no expression of n"],
    ['{n%0}', "'{n%0}' is no expression of n"],
    ['{n-5}', "'{n-5}' is negative for n = 3"],
    ['a}b', "'}' is no expression of n"],
    ['{n', "'{' is no expression of n"],
    ['{constructor.n}', "'{constructor.n}' is no expression of n"],
  ])('refuses %s', (text, error) => {
    expect(fillNumber(text, 3)).toEqual({ error });
  });
});
