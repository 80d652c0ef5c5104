import { expect, test } from 'vitest';
import { plainLine, splitLines } from '../../../src/util/plain-line.ts';

test.each([
  ['plain text', 'Setting up nginx (1.22) …', 'Setting up nginx (1.22) …'],
  ['colours', '\u001b[1;32mok\u001b[0m done', 'ok done'],
  ['a title and a screen that is cleared', '\u001b]0;evil\u0007\u001b[2J\u001b[Hhello', 'hello'],
  ['a title without end', 'a\u001b]0;evil', 'a'],
  ['a progress bar', ' 10%\r 50%\r100%', '100%'],
  ['a line end of a terminal', 'text\r\r', 'text'],
  ['single control characters', 'a\u0000b\u0007c\u009bd\u007f', 'abcd'],
  ['blanks at the end', 'text   ', 'text'],
])('%s', (_, given, want) => {
  expect(plainLine(given)).toBe(want);
});

test('a line without end is cut', () => {
  expect(plainLine('x'.repeat(10_000))).toHaveLength(500);
});

test('pieces become lines, also in the middle of a character', () => {
  const lines: string[] = [];
  const splitter = splitLines((line) => lines.push(line));
  const bytes = Buffer.from('grün\n\nzwei\r\n\u001b[Kohne Ende');
  for (const byte of bytes) splitter.push(Buffer.from([byte]));
  expect(lines).toEqual(['grün', 'zwei']);
  splitter.end();
  expect(lines).toEqual(['grün', 'zwei', 'ohne Ende']);
});
