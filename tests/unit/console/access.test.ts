import { describe, expect, it } from 'vitest';
import { readKeys } from '../../../src/console/access.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKg1';

describe('public keys', () => {
  it.each([
    ['a plain one', `${key} me@here\n`, [key]],
    ['one without a comment', key, [key]],
    ['one with options', `from="10.0.0.0/8",no-pty ${key} x`, [key]],
    [
      'several, with blanks and comments',
      `# mine\n\n${key} a\r\necdsa-sha2-nistp256 AAAAE2Vj= b\n`,
      [key, 'ecdsa-sha2-nistp256 AAAAE2Vj='],
    ],
    ['a hardware key', 'sk-ssh-ed25519@openssh.com AAAAGnNr== x', ['sk-ssh-ed25519@openssh.com AAAAGnNr==']],
  ])('%s', (_, text, keys) => {
    const read = readKeys(text);
    expect(read.keys.map((one) => one.key)).toEqual(keys);
    expect(read.rejected).toBeUndefined();
  });

  it.each([
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n'],
    ['ssh-ed25519 not-a-key'],
    [`${key}\nrm -rf /`],
  ])('are not %j', (text) => {
    expect(readKeys(text).rejected).toBeDefined();
  });
});
