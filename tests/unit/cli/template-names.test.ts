import { describe, expect, it } from 'vitest';
import type { Options } from '../../../src/cli/options.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { sourceOf } from '../../../src/cli/template-names.ts';

const from = (wanted: string | undefined, options: Partial<Options> = {}) =>
  sourceOf(wanted, { output: 'human', ...options });
const url = 'https://example.org/a/x.tar.zst';

describe('template download', () => {
  it.each([
    ['a name', 'debian-13', {}, undefined],
    ['a URL', `${url}?token=1`, {}, { file: 'x.tar.zst', source: { kind: 'url', url: `${url}?token=1` } }],
    ['--url', undefined, { archiveUrl: url }, { file: 'x.tar.zst', source: { kind: 'url', url } }],
    [
      '--url with all that goes with it',
      undefined,
      { archiveUrl: url, filename: 'own.tar', checksum: `MD5:${'A'.repeat(32)}` },
      {
        file: 'own.tar',
        source: { kind: 'url', url, checksum: { algorithm: 'md5', value: 'a'.repeat(32) } },
      },
    ],
    [
      '--oci',
      undefined,
      { oci: 'ghcr.io/me/app:1.2' },
      { file: 'app_1.2.tar', source: { kind: 'oci', reference: 'ghcr.io/me/app:1.2' } },
    ],
  ] as const)('takes %s', (_, wanted, options, want) => {
    expect(from(wanted, options)).toEqual(want);
  });

  it.each([
    ['nothing', undefined, {}, 'nothing to download'],
    ['two things', 'debian-12', { oci: 'alpine:3' }, 'only one thing'],
    ['a checksum for the catalogue', 'debian-12', { checksum: 'sha512:00' }, '--checksum is for'],
    ['a checksum for an image', undefined, { oci: 'a:1', checksum: 'sha512:00' }, '--checksum is for'],
    ['a file name for the catalogue', 'debian-12', { filename: 'x.tar' }, '--filename is for'],
    ['an ISO image', 'https://example.org/x.iso', {}, 'not a file name of a template'],
    ['a URL without a name', 'https://example.org/', {}, 'not a file name of a template'],
    ['a bad file name', url, { filename: '../x.tar' }, 'not a file name of a template'],
    ['a packed image', undefined, { oci: 'a:1', filename: 'x.tar.zst' }, 'not a file name of a template'],
    ['a password', 'https://a:b@example.org/x.tar', {}, 'user name or password'],
    ['no URL', undefined, { archiveUrl: 'ftp://example.org/x.tar' }, 'is no URL'],
    ['a short checksum', url, { checksum: 'sha512:0' }, 'is no checksum'],
    ['an unknown checksum', url, { checksum: 'crc32:00' }, 'is no checksum'],
    ['an image without tag', undefined, { oci: 'alpine' }, 'no reference to an image'],
  ] as const)('refuses %s', (_, wanted, options, message) => {
    expect(() => from(wanted, options)).toThrow(message);
  });

  it.each([
    [['--url', url], { archiveUrl: url, url: undefined }],
    [['--url', 'https://pve1:8006', 'debian-13'], { archiveUrl: undefined, url: 'https://pve1:8006' }],
    [['--url', 'https://pve1:8006', '--oci', 'a:1'], { archiveUrl: undefined, url: 'https://pve1:8006' }],
  ])('%j: the URL is the archive’s only when there is nothing else to download', async (args, want) => {
    let options: Partial<Options> = {};
    const program = createProgram({
      env: {},
      writeOut: () => undefined,
      writeErr: () => undefined,
      execute: async (_load, invocation) => {
        options = invocation.options;
      },
    });
    await program.parseAsync(['node', 'pvefleet', 'template', 'download', ...args]);
    expect({ archiveUrl: options.archiveUrl, url: options.url }).toEqual(want);
  });
});
