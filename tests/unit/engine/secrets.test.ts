import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createSecretResolver, splitCommand } from '../../../src/engine/secrets.ts';

const directory = await mkdtemp(join(tmpdir(), 'pvefleet-secrets-'));
await writeFile(join(directory, 'private'), 's3cret \n', { mode: 0o600 });
await writeFile(join(directory, 'public'), 's3cret\n');
await chmod(join(directory, 'public'), 0o644);
await writeFile(join(directory, 'empty'), '\n', { mode: 0o600 });
const resolve = createSecretResolver({
  env: { PASSWORD: 'from env', EMPTY: '', PATH: process.env['PATH'] },
  baseDirectory: directory,
});

test.each([
  ['an environment variable', 'env:PASSWORD', 'from env'],
  ['a file, without its last line break only', 'file:private', 's3cret '],
  ['an absolute file', `file:${join(directory, 'private')}`, 's3cret '],
  ['a command', 'command:printf "%s\\n" "two words"', 'two words'],
])('%s', async (_, reference, value) => {
  expect(await resolve(reference)).toBe(value);
});

test.each([
  ['a variable that is not set', 'env:NOPE', /environment variable NOPE/],
  ['an empty variable', 'env:EMPTY', /environment variable EMPTY/],
  ['a file that is not there', 'file:nope', /0600/],
  ['an empty file', 'file:empty', /empty/],
  ['a file that others may read', 'file:public', /chmod 600/],
  ['a command that fails', 'command:false', /by hand/],
  ['a command that is not there', 'command:/no/such/program', /by hand/],
  ['no command', 'command:', /PROGRAM/],
  ['no reference', 'hunter2', /env:NAME/],
])('%s is a usage error', async (_, reference, hint) => {
  await expect(resolve(reference)).rejects.toMatchObject({
    code: 'SECRET_UNRESOLVED',
    exitCode: 2,
    hint: expect.stringMatching(hint),
  });
});

test('what a failing command prints is not repeated', async () => {
  const error = await resolve(
    `command:sh -c 'printf hun; printf ter2; printf hun >&2; printf ter2 >&2; exit 3'`,
  ).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error)).not.toContain('hunter2');
  expect(String(error)).toContain('3');
  expect((error as Error).cause).toBeUndefined();
});

test('a command runs once for a reference, and again after it has failed', async () => {
  const counter = join(directory, 'counter');
  await writeFile(counter, '');
  const reference = `command:sh -c 'echo x >> ${counter}; test $(wc -l < ${counter}) -gt 1 && echo value'`;
  await expect(resolve(reference)).rejects.toMatchObject({ code: 'SECRET_UNRESOLVED' });
  expect(await resolve(reference)).toBe('value');
  expect(await resolve(reference)).toBe('value');
  expect((await readFile(counter, 'utf8')).split('\n')).toHaveLength(3);
});

test('words of a command line', () => {
  expect(splitCommand(`pass show 'a b' "c d" e`)).toEqual(['pass', 'show', 'a b', 'c d', 'e']);
});
