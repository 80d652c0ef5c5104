/** What is written for a shell, read by real shells. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { commandScript } from '../../../src/console/command-script.ts';
import { quote } from '../../../src/console/quote.ts';
import { hasBusybox } from '../../support/local-console.ts';

const folder = mkdtempSync(join(tmpdir(), 'pvefleet-scripts-'));
afterAll(() => rmSync(folder, { recursive: true }));

const shells: readonly string[][] = [['sh'], ['bash', '--posix'], ...(hasBusybox ? [['busybox', 'sh']] : [])];
const nasty = fc.constantFrom(
  "'",
  '"',
  '\\',
  '$',
  '`',
  '!',
  '\n',
  '\t',
  ' ',
  '*',
  '?',
  '~',
  '#',
  '=',
  '-',
  ';',
  '&',
  '|',
  '(',
  '{',
  '\r',
  'ü',
  '😀',
  'a',
);
const word = fc.oneof(
  fc.string({ unit: nasty, maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll(/\0|\p{Surrogate}/gu, '')),
);
const words = fc.array(word, { minLength: 1, maxLength: 6 });

test('a quoted word is that word to every shell', () => {
  fc.assert(
    fc.property(words, (given) => {
      const script = `printf '%s\\0' ${given.map(quote).join(' ')}`;
      for (const [program = '', ...args] of shells) {
        const out = execFileSync(program, [...args, '-c', script], { encoding: 'utf8' });
        expect(out, program).toBe(given.map((one) => `${one}\0`).join(''));
      }
    }),
    { seed: 7, numRuns: 60 },
  );
});

const variables = fc.dictionary(fc.stringMatching(/^X[A-Z0-9_]{0,5}$/), word, { maxKeys: 3 });

test('a command gets its words and variables as they were given', () => {
  fc.assert(
    fc.property(words, variables, (given, env) => {
      const names = Object.keys(env);
      const show = `printf '%s\\0' "$@" ${names.map((name) => `"$${name}"`).join(' ')}`;
      const file = join(folder, 'cmd');
      const argv = ['sh', '-c', show, 'sh', ...given];
      writeFileSync(file, commandScript({ argv, env: { ...env }, cwd: folder }));
      for (const [program = '', ...args] of shells) {
        const out = execFileSync(program, [...args, file], { encoding: 'utf8' });
        const wanted = [...given, ...Object.values(env)];
        expect(out, program).toBe(wanted.map((one) => `${one}\0`).join(''));
      }
    }),
    { seed: 7, numRuns: 40 },
  );
});
