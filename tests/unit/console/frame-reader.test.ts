import { describe, expect, it } from 'vitest';
import { createFrameReader, decodeBlock, encodeBlock } from '../../../src/console/frame-reader.ts';

const token = 'pv0123456789abcdef01';

interface Read {
  readonly answers: [number, ...string[]][];
  readonly blocks: { name: string; text: string; bytes: number; digest: string }[];
  noise: string;
}

function read(pieces: readonly string[]): Read {
  const result: Read = { answers: [], blocks: [], noise: '' };
  const reader = createFrameReader(token, {
    onAnswer: (sequence, words) => result.answers.push([sequence, ...words]),
    onBlock: (block) => result.blocks.push({ ...block, text: block.text.replaceAll(/\s/g, '') }),
    onNoise: (text) => {
      result.noise += text;
    },
  });
  for (const piece of pieces) reader.push(Buffer.from(piece, 'latin1'));
  return result;
}

const shown = [
  '\u001b[H\u001b[J\u001b[?2004hroot@c500:/# : pvefleet-hello pv01234567.89abcdef01;sh\r\r\n',
  `\r\r\n${token}=0 ready\r\r\n`,
  `wall: somebody says hello\r\r\n${token}<o\r\r\naGVs\r\r\nbG8=\r\r\n\r\r\n${token}>o 5 00ff\r\r\n`,
  `\r\r\n${token}=7 at 5 0 run\r\r\n# `,
].join('');

describe('what the terminal shows', () => {
  const whole = read([shown]);

  it('has answers and blocks in the midst of noise', () => {
    expect(whole.answers).toEqual([
      [0, 'ready'],
      [7, 'at', '5', '0', 'run'],
    ]);
    expect(whole.blocks).toEqual([{ name: 'o', text: 'aGVsbG8=', bytes: 5, digest: '00ff' }]);
    expect(whole.noise).toContain('somebody says hello');
  });

  it.each([1, 2, 3, 7, 19, 20, 21])('is read the same in pieces of %i bytes', (length) => {
    const pieces = Array.from({ length: Math.ceil(shown.length / length) }, (_, n) =>
      shown.slice(n * length, (n + 1) * length),
    );
    const { answers, blocks } = read(pieces);
    expect({ answers, blocks }).toEqual({ answers: whole.answers, blocks: whole.blocks });
  });

  it('gives a block without a beginning no text', () => {
    expect(read([`x\n${token}>e 3 aa\n`]).blocks).toEqual([{ name: 'e', text: '', bytes: 3, digest: 'aa' }]);
  });

  it('takes another session for noise', () => {
    expect(read(['pv99999999999999ff99=3 ok\n']).answers).toEqual([]);
  });
});

describe('data', () => {
  it.each([0, 1, 2, 3, 767, 768, 769, 5000])('of %i bytes goes in lines that end with a dot', (length) => {
    const bytes = Buffer.from(Array.from({ length }, (_, n) => (n * 7) % 256));
    for (const coding of ['base64', 'hex'] as const) {
      const lines = encodeBlock(bytes, coding).split('\n');
      expect(lines.slice(-3)).toEqual(['.', '', '']);
      expect(
        lines.slice(0, -3).every((line) => line.length <= 1024 && /^[A-Za-z0-9+/=\\]+$/.test(line)),
      ).toBe(true);
    }
  });

  it.each([
    ['base64', 'aGVs\r\r\nbG8=\r\r\n'],
    ['hex', ' 68 65 6c\r\r\n 6c 6f\r\r\n'],
  ] as const)('comes back from %s', (coding, text) => {
    expect(decodeBlock(text, coding).toString()).toBe('hello');
  });
});
