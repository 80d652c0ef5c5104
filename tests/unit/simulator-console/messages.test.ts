/** What termproxy makes of a client's bytes; each element of `given` arrives at once. */
import { describe, expect, it } from 'vitest';
import { createMessageReader } from '../../../src/simulator/console/messages.ts';

function read(given: readonly (string | Buffer)[]): string[] {
  const seen: string[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') seen.push(text);
    text = '';
  };
  const push = createMessageReader({
    data: (bytes) => {
      text += bytes.toString('latin1');
    },
    resize: ({ columns, rows }) => {
      flush();
      seen.push(`<${columns}x${rows}>`);
    },
  });
  for (const bytes of given) push(Buffer.from(bytes));
  flush();
  return seen;
}

const fill = 'x'.repeat(4087);

const rules: readonly (readonly [
  name: string,
  given: readonly (string | Buffer)[],
  want: readonly string[],
])[] = [
  ['input', ['0:5:hello'], ['hello']],
  ['input of several messages in one piece', ['0:1:a0:1:b'], ['ab']],
  ['input that looks like messages', ['0:8:1:80:24:'], ['1:80:24:']],
  ['a length in bytes, not in characters', [Buffer.from('0:2:é0:1:x', 'utf8')], ['Ã©x']],
  ['no input', ['0:0:', '0:1:a'], ['a']],
  ['a size', ['1:132:43:'], ['<132x43>']],
  ['a size between inputs', ['0:1:a1:80:24:0:1:b'], ['a', '<80x24>', 'b']],
  ['a size beyond 16 bits', ['1:65616:24:'], ['<80x24>']],
  ['a keep-alive', ['2', '0:1:a'], ['a']],
  ['a keep-alive between messages', ['0:1:a20:1:b'], ['ab']],
  ['DATA in pieces', ['0:6:ab', 'cd', 'ef0:1:g'], ['abcdefg']],
  ['a number with a plus sign', ['0:+2:ab'], ['ab']],
  ['the type alone, then the rest', ['0', ':1:a'], ['a']],
  [
    'a head cut behind its type: it is lost, and its rest is read as messages',
    ['0:', '1:a0:1:b', '0:1:c'],
    ['c'],
  ],
  ['a head cut in its number: the same', ['0:1', '3:hello world!!', '0:1:b'], ['b']],
  ['a size that is cut: the same', ['1:80:', '24:', '0:1:b'], ['b']],
  ['a length that is no number: what follows waits for more to come', ['0:x:0:1:a', '2'], ['a']],
  ['a head without a colon: given up twenty bytes at a time', [`0:${'9'.repeat(25)}`, '0:1:a'], ['a']],
  ['bytes of no meaning', ['hello', '0:1:a'], ['a']],
  [
    'more than the buffer holds, in one message',
    [`0:9000:${'y'.repeat(9000)}0:1:z`],
    [`${'y'.repeat(9000)}z`],
  ],
  ['a head at the end of the buffer: cut there, and lost', [`0:4087:${fill}0:3:abc0:1:z`], [`${fill}z`]],
  [
    'a head that just fits into the buffer',
    [`0:4085:${fill.slice(0, 4085)}0:3:abc`],
    [`${fill.slice(0, 4085)}abc`],
  ],
];

describe('the messages of a client', () => {
  it.each(rules)('%s', (_name, given, want) => {
    expect(read(given)).toEqual(want);
  });
});
