import { describe, expect, it } from 'vitest';
import { formatSize, humanSize, parseSize } from '../../../src/util/bytes.ts';

describe('parseSize', () => {
  it.each([
    ['512MiB', 512 * 1024 ** 2],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['2 TiB', 2 * 1024 ** 4],
    ['0MiB', 0],
    ['16KiB', 16384],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toEqual({ bytes });
  });

  it.each([
    ['512', "'512' has no unit", '512MiB'],
    ['1GB', "'GB' is not a unit of size", '1GiB'],
    ['512m', "'m' is not a unit of size", '512MiB'],
    ['2Gb', "'Gb' is not a unit of size", '2GiB'],
    ['much', "'much' is not a size", '512MiB'],
    ['-1GiB', "'-1GiB' is not a size", '512MiB'],
    ['5 parsecs', "'parsecs' is not a unit of size", '512MiB'],
  ])('refuses %s and says what was probably meant', (text, error, suggestion) => {
    expect(parseSize(text)).toEqual({ error, suggestion });
  });

  it('refuses a fraction of a byte and sizes beyond exact numbers', () => {
    expect(parseSize('0.0001KiB')).toEqual({ error: "'0.0001KiB' is no whole number of bytes" });
    expect(parseSize('99999999TiB')).toEqual({ error: "'99999999TiB' is too large" });
  });
});

describe('formatSize', () => {
  it.each([
    [0, '0B'],
    [123, '123B'],
    [1536 * 1024 ** 2, '1.5GiB'],
    [512 * 1024 ** 2, '512MiB'],
    [917504 * 1024, '896MiB'],
    [1025 * 1024 ** 2, '1025MiB'],
    [1024 ** 4, '1TiB'],
  ])('writes %i as %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });

  it('keeps sizes exact where it can be read back', () => {
    for (const bytes of [1024, 1536, 3 * 1024 ** 2, 7.25 * 1024 ** 3, 8589934592]) {
      expect(parseSize(formatSize(bytes))).toEqual({ bytes });
    }
  });

  it('rounds for people', () => {
    expect(humanSize(1_567_000_000)).toBe('1.46GiB');
    expect(humanSize(12)).toBe('12B');
  });
});
