/**
 * Frames of a websocket as pveproxy reads and writes them (transport-auth §11, RFC 6455). Written by hand because the `ws`
 * package is too polite: it answers a close frame with a close frame, joins fragments, refuses text that is no UTF-8 and
 * negotiates one protocol of a list, while the real server just drops the connection, takes no fragments, passes text
 * frames on as bytes and echoes the whole list. No input or output here.
 */

/** Opcodes that mean something. */
export const opcodes: Readonly<Record<'text' | 'binary' | 'close' | 'ping' | 'pong', number>> = {
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
};

/** Longest payload of a client's frame, and of ours. */
export const maxPayloadBytes: number = 128 * 1024;

/** A frame of a client, unmasked. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const known: ReadonlySet<number> = new Set(Object.values(opcodes));
const marker16 = 126;
const marker64 = 127;
const maskBytes = 4;

interface Header {
  readonly opcode: number;
  /** Length of the header without the mask. */
  readonly size: number;
  readonly payloadBytes: number;
}

/** What the first two bytes must be like: unfragmented, no extension, a mask. */
const rules: readonly (readonly [fails: (first: number, second: number) => boolean, text: string])[] = [
  [(first) => (first & 0x80) === 0, 'received fragmented websocket frame'],
  [(first) => (first & 0x70) !== 0, 'received websocket frame with RSV flags'],
  [(_first, second) => (second & 0x80) === 0, 'received unmasked websocket frame from client'],
];

/** Length of the payload and of the header, or undefined while the header is not whole. */
function lengths(buffer: Buffer): { size: number; payloadBytes: number } | undefined {
  const short = (buffer[1] as number) & 0x7f;
  if (short === marker16)
    return buffer.length < 4 ? undefined : { size: 4, payloadBytes: buffer.readUInt16BE(2) };
  if (short !== marker64) return { size: 2, payloadBytes: short };
  return buffer.length < 10 ? undefined : { size: 10, payloadBytes: Number(buffer.readBigUInt64BE(2)) };
}

function readHeader(buffer: Buffer): Header | undefined {
  if (buffer.length < 2) return undefined;
  const [first, second] = buffer as unknown as [number, number];
  const broken = rules.find(([fails]) => fails(first, second));
  if (broken) throw new Error(broken[1]);
  const found = lengths(buffer);
  if (!found) return undefined;
  if (found.payloadBytes > maxPayloadBytes)
    throw new Error(`received too large websocket frame (len = ${found.payloadBytes})`);
  return { opcode: first & 0x0f, ...found };
}

function unmask(payload: Buffer, mask: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(payload.length);
  for (let index = 0; index < payload.length; index += 1)
    plain[index] = (payload[index] as number) ^ (mask[index & 3] as number);
  return plain;
}

/**
 * Makes a reader of a client's frames.
 *
 * @returns a function that takes the next bytes and returns the frames that are whole.
 */
export function createFrameReader(): (bytes: Buffer) => Frame[] {
  let pending: Buffer = Buffer.alloc(0);
  /**
   * @throws Error for a frame that the server does not take; the connection is of no use after that.
   */
  return (bytes) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    const frames: Frame[] = [];
    for (;;) {
      const header = readHeader(pending);
      if (!header) return frames;
      const { opcode, size, payloadBytes } = header;
      const end = size + maskBytes + payloadBytes;
      if (pending.length < end) return frames;
      const payload = unmask(
        pending.subarray(size + maskBytes, end),
        pending.subarray(size, size + maskBytes),
      );
      pending = pending.subarray(end);
      if (!known.has(opcode)) throw new Error(`received unhandled websocket opcode ${opcode}`);
      frames.push({ opcode, payload });
    }
  };
}

/**
 * Makes a frame of the server: whole and without a mask.
 *
 * @param opcode - one of {@link opcodes}.
 */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const first = 0x80 | opcode;
  if (length < marker16) return Buffer.concat([Buffer.from([first, length]), payload]);
  const wide = length > 0xffff;
  const head = Buffer.alloc(wide ? 10 : 4);
  head[0] = first;
  head[1] = wide ? marker64 : marker16;
  if (wide) head.writeBigUInt64BE(BigInt(length), 2);
  else head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]);
}
