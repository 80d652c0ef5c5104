import { describe, expect, it } from 'vitest';
import { encodeLock, parseLock } from '../../../src/spec/lock.ts';
import { load, summary, unmark } from './support.ts';

const file = (templates: string, use = 'mine'): string => `version: 1
fleet: lab
templates: ${templates}
containers:
  a: { node: pve1, template: ${use}, rootfs: { storage: local-lvm, size: 8GiB } }
`;
const sha512 = 'Ab'.repeat(64);

describe('templates of the file', () => {
  it.each([
    ["{ mine: 'own-*' }", 'own-*', undefined],
    [
      '{ mine: { url: https://example.org/a/x.tar.zst?y=1 } }',
      'x.tar.zst',
      { kind: 'url', url: 'https://example.org/a/x.tar.zst?y=1' },
    ],
    [
      `{ mine: { url: http://example.org/get, filename: own_1.tar.xz, checksum: 'SHA512:${sha512}' } }`,
      'own_1.tar.xz',
      {
        kind: 'url',
        url: 'http://example.org/get',
        checksum: { algorithm: 'sha512', value: sha512.toLowerCase() },
      },
    ],
    [
      '{ mine: { oci: "ghcr.io/me/app:1.2-x" } }',
      'app_1.2-x.tar',
      { kind: 'oci', reference: 'ghcr.io/me/app:1.2-x' },
    ],
    [
      '{ mine: { file: ../images/own.tar } }',
      'own.tar',
      { kind: 'file', path: '../images/own.tar', location: '/abs/../images/own.tar' },
    ],
  ])('%s', (templates, template, source) => {
    const { fleet, diagnostics } = load(file(templates), {}, { resolvePath: (path) => `/abs/${path}` });
    expect(diagnostics).toEqual([]);
    expect(fleet?.containers[0]).toMatchObject({ template, templateName: 'mine' });
    expect(fleet?.sources).toEqual(source && { [template]: source });
  });

  it('is no part of what is remembered of a container: the name it was written by', () => {
    const direct = load(file('{}', 'debian-13-standard_*')).fleet?.containers[0];
    expect(direct).not.toHaveProperty('templateName');
    expect(load(file('{}', 'debian-13')).fleet?.containers[0]).toMatchObject({ templateName: 'debian-13' });
  });

  it.each([
    ['nothing to fetch', '{ mine: «{ filename: x.tar }» }', 'SPEC_TEMPLATE', 'url: https://'],
    ['two sources', '{ mine: { url: https://a.b/x.tar, oci: «"a:1"» } }', 'SPEC_TEMPLATE'],
    [
      'an unknown key',
      '{ mine: { url: https://a.b/x.tar, checksun: «x» } }',
      'SPEC_UNKNOWN_KEY',
      "did you mean 'checksum'?",
    ],
    [
      'a checksum of an image',
      '{ mine: { oci: "a:1", checksum: «x» } }',
      'SPEC_UNKNOWN_KEY',
      'known are oci, filename',
    ],
    ['no URL', '{ mine: { url: «ftp://a.b/x.tar» } }', 'SPEC_VALUE'],
    ['a URL with a password', '{ mine: { url: «https://me:pw@a.b/x.tar» } }', 'SPEC_SECRET'],
    ['a URL that is no text', '{ mine: { url: «5» } }', 'SPEC_TYPE'],
    [
      'a short checksum',
      `{ mine: { url: https://a.b/x.tar, checksum: «sha512:abc» } }`,
      'SPEC_VALUE',
      '128 hex digits',
    ],
    [
      'a checksum without its kind',
      `{ mine: { url: https://a.b/x.tar, checksum: «${'a'.repeat(64)}» } }`,
      'SPEC_VALUE',
      'sha512:HEX',
    ],
    ['an image without tag', '{ mine: { oci: «docker.io/library/alpine» } }', 'SPEC_VALUE'],
    [
      'a name that is no archive',
      '{ mine: «{ url: https://a.b/x.iso }» }',
      'SPEC_TEMPLATE',
      "add 'filename:'",
    ],
    ['a bad file name', '{ mine: { file: x.tar, filename: «x y.tar» } }', 'SPEC_TEMPLATE'],
    ['a packed image', '{ mine: { oci: "a:1", filename: «x.tar.zst» } }', 'SPEC_TEMPLATE', 'ends with .tar'],
    [
      'two archives of one name',
      '{ mine: { oci: "a.b/x:1" }, «other»: { oci: "c.d/x:1" } }',
      'SPEC_DUPLICATE',
      "a 'filename:' of its own",
    ],
    ['a number', '{ mine: «5» }', 'SPEC_TYPE'],
  ])('finds %s', (_, marked, code, hint = '') => {
    const { text, at } = unmark(file(marked));
    const result = load(text);
    expect(summary(result)).toEqual([`fleet.yaml ${at} ${code}`]);
    expect(result.diagnostics[0]?.hint ?? '').toContain(hint);
  });

  it('may have two aliases for one archive', () => {
    expect(load(file('{ mine: { oci: "a:1" }, other: { oci: "a:1" } }')).diagnostics).toEqual([]);
  });
});

describe('templates.lock', () => {
  const entry = { file: 'x.tar', sha512: 'a'.repeat(128), source: 'catalogue' };

  it('is read back as it was written, with the same bytes for the same content', () => {
    const lock = { b: { file: 'y.tar', source: 'oci:y:1' }, a: entry };
    const text = encodeLock(lock);
    expect(parseLock('templates.lock', text)).toEqual({ lock, diagnostics: [] });
    const { source, sha512: sum, file: name } = entry;
    expect(encodeLock({ a: { source, sha512: sum, file: name }, b: lock.b })).toBe(text);
    expect(text.endsWith('}\n')).toBe(true);
  });

  const head = '"format": "pvefleet.templates-lock/1"';
  it.each([
    ['no JSON', '{', 'SPEC_YAML'],
    ['traces of a merge', `{\n<<<<<<< HEAD\n${head},\n=======\n"templates": {}}`, 'SPEC_YAML'],
    ['another format', '«»{ "format": "x/1", "templates": {} }', 'LOCK_INVALID'],
    ['no templates', `«»{ ${head} }`, 'LOCK_INVALID'],
    [
      'an entry without file',
      `{ ${head}, "templates": { «"a"»: { "source": "catalogue" } } }`,
      'LOCK_INVALID',
    ],
    [
      'a short checksum',
      `{ ${head}, "templates": { «"a"»: { "file": "x", "source": "y", "sha512": "ab" } } }`,
      'LOCK_INVALID',
    ],
    [
      'a checksum that is no text',
      `{ ${head}, "templates": { «"a"»: { "file": "x", "source": "y", "sha512": 5 } } }`,
      'LOCK_INVALID',
    ],
  ])('finds %s', (_, marked, code) => {
    const { text, at } = unmark(marked);
    const result = parseLock('templates.lock', text);
    expect(result.lock).toBeUndefined();
    if (code === 'LOCK_INVALID') expect(summary(result)).toEqual([`templates.lock ${at} ${code}`]);
    else expect(result.diagnostics.length).toBeGreaterThan(0);
  });
});
