import { describe, expect, test } from 'vitest';
import { splitList } from '../../../src/codec/list.ts';
import {
  decodeBoolean,
  decodeDiskSize,
  decodeNumber,
  encodeDiskSize,
  encodeNumber,
} from '../../../src/codec/scalar.ts';

const G = 1024 ** 3;

test.each([
  ['1', true],
  ['on', true],
  ['Yes', true],
  ['TRUE', true],
  [1, true],
  [true, true],
  ['0', false],
  ['off', false],
  ['no', false],
  ['False', false],
  [0, false],
  ['2', undefined],
  ['', undefined],
  ['toString', undefined],
])('reads %j as boolean %j', (given, want) => {
  expect(decodeBoolean(given)).toBe(want);
});

test.each([
  ['1.5', 1.5],
  ['007', 7],
  [' 3 ', 3],
  ['-2', -2],
  ['+2', 2],
  ['1e6', 1_000_000],
  [512, 512],
  ['', undefined],
  ['12k', undefined],
  [Number.NaN, undefined],
  [true, undefined],
  [null, undefined],
])('reads %j as number %j', (given, want) => {
  expect(decodeNumber(given)).toBe(want);
});

test.each([
  [1_000_000, '1000000'],
  [1e21, '1000000000000000000000'],
  [0.25, '0.25'],
  [1e-7, '0.0000001'],
  [0, '0'],
])('writes %d as %s', (given, want) => {
  expect(encodeNumber(given)).toBe(want);
});

describe('disk sizes', () => {
  test.each([
    ['8G', 8 * G],
    ['512M', G / 2],
    ['1.5G', 1.5 * G],
    ['917504K', 917_504 * 1024],
    ['8GiB', 8 * G],
    ['1T', 1024 * G],
    ['0T', 0],
    ['123', 123],
    ['0.0001K', 0],
    ['8GB', undefined],
    ['8g', undefined],
    ['', undefined],
    ['-1G', undefined],
  ])('reads %s', (given, want) => {
    expect(decodeDiskSize(given)).toBe(want);
  });

  test.each([
    [8 * G, '8G'],
    [G / 2, '512M'],
    [917_504 * 1024, '896M'],
    [524_352 * 1024, '524352K'],
    [536_870_913, '536870913'],
    [2048 * G, '2T'],
    [0, '0T'],
  ])('writes %d', (given, want) => {
    expect(encodeDiskSize(given)).toBe(want);
  });
});

test.each([
  ['a;b, c', ['a', 'b', 'c']],
  [' one\ttwo\nthree ', ['one', 'two', 'three']],
  ['A=1 2\0B=3;4\0', ['A=1 2', 'B=3;4']],
  [' ', []],
  ['', []],
])('splits the list %j', (given, want) => {
  expect(splitList(given)).toEqual(want);
});
