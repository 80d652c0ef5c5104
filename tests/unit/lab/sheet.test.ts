import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatePassword } from '../../../src/engine/lab/password.ts';
import { renderHandOutHtml } from '../../../src/render/hand-out.ts';
import { formatSheet, parseSheet, type SheetRow, sheetHeader } from '../../../src/spec/sheet.ts';

const row: SheetRow = {
  login: 'anna',
  name: 'Huber, "Anna"',
  group: 'A',
  email: 'anna@school.example',
  userid: 'anna@pve',
  password: 'kq7m-rw3x-9tpz-hb4n',
  state: 'in force',
  containers: ['student-anna-web (301)', 'student-anna-db (302)'],
  addresses: ['10.1.1.1', 'fd00::1'],
  url: 'https://pve1:8006',
  consoles: ['https://pve1:8006/?vmid=301', 'https://pve1:8006/?vmid=302'],
};

describe('a sheet', () => {
  it('is read as it was written, whatever people are called', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((one) => one.replaceAll('\r', ''));
    fc.assert(
      fc.property(text, text, (name, group) => {
        const one = { ...row, name, group };
        expect(parseSheet(formatSheet([one]))).toEqual([one]);
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it('has no cell that a spreadsheet takes for a formula', () => {
    const text = formatSheet([{ ...row, name: '=HYPERLINK("http://x")' }]);
    expect(text).toContain(`"'=HYPERLINK(`);
  });

  it('without its last line when that was cut off', () => {
    const text = formatSheet([row]);
    expect(parseSheet(`${text}ben,Ben`)).toEqual([row]);
  });

  it.each([
    ['an empty file', '', []],
    ['only a header', sheetHeader, []],
    ['another table', 'name,grade\nAnna,1\n', undefined],
    ['no table', 'hello', undefined],
  ])('%s', (_name, text, want) => {
    expect(parseSheet(text)).toEqual(want);
  });
});

it('passwords have letters that nobody confuses, and differ', () => {
  const some = Array.from({ length: 50 }, () => generatePassword());
  for (const one of some) expect(one).toMatch(/^(?:[a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
  expect(new Set(some).size).toBe(50);
});

it('a hand-out shows names as text', () => {
  expect(renderHandOutHtml({ ...row, name: '<script>' }, 'class')).not.toContain('<script>');
});
