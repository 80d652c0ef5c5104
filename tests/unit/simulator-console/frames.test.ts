/** Frames of websockets as pveproxy reads and writes them. */
import { describe, expect, it } from 'vitest';
import { createFrameReader, encodeFrame } from '../../../src/simulator/console/frames.ts';
import { clientFrame } from '../../support/console-client.ts';

describe('reading', () => {
  const sizes = [0, 1, 125, 126, 65_535, 65_536, 131_072];
  it.each(sizes)('a payload of %i bytes', (size) => {
    const payload = Buffer.alloc(size, 'ab');
    const frames = createFrameReader()(clientFrame(payload));
    expect(frames.map(({ opcode, payload: got }) => [opcode, got.equals(payload)])).toEqual([[2, true]]);
  });

  it('frames in pieces, and several at once', () => {
    const read = createFrameReader();
    const bytes = Buffer.concat([clientFrame('one', { opcode: 1 }), clientFrame('two')]);
    const seen = [...bytes].flatMap((byte) => read(Buffer.of(byte)));
    expect(seen.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
      [1, 'one'],
      [2, 'two'],
    ]);
    expect(createFrameReader()(bytes)).toHaveLength(2);
  });

  const refused: readonly (readonly [name: string, frame: Buffer, text: string])[] = [
    ['a fragment', clientFrame('x', { fin: false }), 'received fragmented websocket frame'],
    ['an extension', clientFrame('x', { rsv: 4 }), 'received websocket frame with RSV flags'],
    ['no mask', clientFrame('x', { masked: false }), 'received unmasked websocket frame from client'],
    [
      'more than 128 KiB',
      clientFrame(Buffer.alloc(131_073)),
      'received too large websocket frame (len = 131073)',
    ],
    ['an unknown opcode', clientFrame('x', { opcode: 3 }), 'received unhandled websocket opcode 3'],
    ['a continuation', clientFrame('x', { opcode: 0 }), 'received unhandled websocket opcode 0'],
  ];
  it.each(refused)('%s is refused', (_name, frame, text) => {
    expect(() => createFrameReader()(frame)).toThrow(text);
  });
});

describe('writing', () => {
  it.each([
    [0, '8200'],
    [125, '827d'],
    [126, '827e007e'],
    [65_535, '827effff'],
    [65_536, '827f0000000000010000'],
  ])('%i bytes: whole, binary, without a mask', (size, head) => {
    const frame = encodeFrame(2, Buffer.alloc(size));
    expect(frame.subarray(0, frame.length - size).toString('hex')).toBe(head);
  });
});
