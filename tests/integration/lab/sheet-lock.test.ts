/** One run at a time writes a credentials sheet, and a run that died stands in nobody's way. */
import { existsSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createSheet } from '../../../src/engine/lab/credentials.ts';

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'pvefleet-sheet-')), 'class.csv');
});
const lock = (): string => `${file}.lock`;

test('is refused while another run has it', async () => {
  const first = createSheet(file);
  await first.open();
  await expect(createSheet(file).open()).rejects.toMatchObject({
    code: 'CREDENTIALS_LOCKED',
    hint: expect.stringContaining(lock()),
  });
  await first.close();
  expect(existsSync(lock())).toBe(false);
  const second = createSheet(file);
  await second.open();
  await second.close();
});

test.each([
  ['a process that is gone', '99999999', false],
  ['a run that died before it wrote its process', '', false],
  ['a run that is about to write its process', '', true],
])('of %s', async (_, content, isYoung) => {
  writeFileSync(lock(), content);
  if (!isYoung) utimesSync(lock(), 1_000, 1_000);
  const sheet = createSheet(file);
  const opened = sheet.open();
  if (isYoung) await expect(opened).rejects.toMatchObject({ code: 'CREDENTIALS_LOCKED' });
  else await expect(opened).resolves.toBeUndefined();
  await sheet.close();
});
