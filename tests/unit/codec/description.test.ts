import { describe, expect, test } from 'vitest';
import { joinDescription, joinRecords, splitDescription } from '../../../src/codec/description.ts';

const specDigest = 'ab'.repeat(32);
const owner = { fleet: 'lab', key: 'web01', specDigest };
const line = `<!-- pvefleet fleet=lab key=web01 spec=sha256:${specDigest} -->`;

test('the line is the last one, and alone where there is no text', () => {
  expect(joinDescription('hello\nworld', owner)).toBe(`hello\nworld\n${line}`);
  expect(joinDescription('', owner)).toBe(line);
});

test('a line that is there is replaced', () => {
  expect(joinDescription(`a\n${line}\nb`, { ...owner, key: 'web02' })).toBe(
    `a\nb\n${line.replace('web01', 'web02')}`,
  );
});

test.each<[string, string, string, object | undefined]>([
  ['after a text', `hello\n${line}\n`, 'hello', owner],
  ['before a text', `${line}\nhello`, 'hello', owner],
  ['with Windows line ends', `hello\r\n${line}\r\n`, 'hello', owner],
  ['indented by hand', `hello\n  ${line}  `, 'hello', owner],
  ['not there', 'hello\n\n', 'hello', undefined],
  ['cut short', '<!-- pvefleet fleet=lab key=web01 -->', '<!-- pvefleet fleet=lab key=web01 -->', undefined],
  ['within a line', `see ${line}`, `see ${line}`, undefined],
])('finds the line %s', (_, given, text, ownership) => {
  expect(splitDescription(given)).toEqual({ text, ...(ownership ? { ownership } : {}) });
});

test('of two lines the last counts', () => {
  const other = line.replace('fleet=lab', 'fleet=old');
  expect(splitDescription(`${other}\n${line}`).ownership?.fleet).toBe('lab');
});

test('names with blanks and signs come back as they were', () => {
  const odd = { fleet: 'my lab -->', key: 'wéb', specDigest };
  const joined = joinDescription('', odd);
  expect(joined).not.toMatch(/lab -->.*-->/);
  expect(splitDescription(joined).ownership).toEqual(odd);
});

test('student and group stand behind, and come in any order', () => {
  const student = { ...owner, student: 'anna.h', group: '1 A' };
  const marker = joinDescription('', student);
  expect(marker).toBe(line.replace(' -->', ' student=anna.h group=1%20A -->'));
  expect(splitDescription(marker).ownership).toEqual(student);
  const turned = `<!-- pvefleet group=1%20A spec=sha256:${specDigest} student=anna.h key=web01 fleet=lab -->`;
  expect(splitDescription(turned).ownership).toEqual(student);
});

test('attributes of later versions do no harm', () => {
  expect(splitDescription(line.replace(' -->', ' shelf=4 -->')).ownership).toEqual(owner);
});

test('a percent sign that was written by hand does no harm', () => {
  expect(splitDescription(line.replace('fleet=lab', 'fleet=50%')).ownership?.fleet).toBe('50%');
});

describe('records', () => {
  const records = { boost: 'memory:512@2026-11-23T16:00:00Z', frozen: 'protection:0@2026-11-23T16:00:00Z' };
  const own = '<!-- pvefleet boost=memory%3A512%402026-11-23T16%3A00%3A00Z -->';

  test('are a part of the ownership line', () => {
    const joined = joinRecords(`hello\n${line}`, records);
    expect(joined.split('\n')).toHaveLength(2);
    expect(splitDescription(joined)).toEqual({ text: 'hello', ownership: { ...owner, ...records } });
    expect(joinRecords(joined, {})).toBe(`hello\n${line}`);
  });

  test('have a line of their own where no fleet owns the container', () => {
    const joined = joinRecords('hello', { boost: records.boost });
    expect(joined).toBe(`hello\n${own}`);
    expect(splitDescription(joined)).toEqual({ text: 'hello', records: { boost: records.boost } });
    expect(joinRecords(joined, {})).toBe('hello');
    expect(joinRecords('', { boost: records.boost })).toBe(own);
  });

  test('lose their line to that of an owner', () => {
    expect(joinDescription(`hello\n${own}`, owner)).toBe(`hello\n${line}`);
  });
});
