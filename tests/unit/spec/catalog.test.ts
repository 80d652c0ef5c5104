import { describe, expect, it } from 'vitest';
import { parseCatalog } from '../../../src/spec/catalog.ts';
import { summary, unmark } from './support.ts';

describe('parseCatalog', () => {
  it('reads aliases', () => {
    const { aliases } = parseCatalog('c.yaml', 'version: 1\naliases: { debian-13: debian-13-standard_* }\n');
    expect(aliases).toEqual({ 'debian-13': 'debian-13-standard_*' });
  });

  it.each([
    ['no version', '«»aliases: {}\n', 'SPEC_VERSION'],
    ['no aliases', '«»version: 1\n', 'SPEC_MISSING'],
    ['a number as pattern', 'version: 1\naliases: { a: «5» }\n', 'SPEC_TYPE'],
    ['a path as pattern', 'version: 1\naliases: { a: «/x/y» }\n', 'SPEC_TEMPLATE'],
  ])('finds %s', (_name, marked, code) => {
    const { text, at } = unmark(marked);
    const result = parseCatalog('c.yaml', text);
    expect(summary(result)).toEqual([`c.yaml ${at} ${code}`]);
    expect(result.aliases).toBeUndefined();
  });
});
