/**
 * A client of simulated consoles for tests, down to the bits of its frames. Shares nothing with src/console, so that the
 * simulator is not tested with the code it is there to test.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A frame as the server sent it. */
interface ServerFrame {
  readonly first: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

/** How a frame is sent. */
interface FrameOptions {
  /** Default 2, binary. */
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
}

/** Makes a client's frame. */
export function clientFrame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = 2, fin = true, rsv = 0, masked = true } = options;
  const data = Buffer.from(payload);
  const length = data.length;
  const size = length < 126 ? 2 : length <= 0xffff ? 4 : 10;
  const head = Buffer.alloc(size);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 2 ? length : size === 4 ? 126 : 127);
  if (size === 4) head.writeUInt16BE(length, 2);
  if (size === 10) head.writeBigUInt64BE(BigInt(length), 2);
  if (!masked) return Buffer.concat([head, data]);
  const mask = randomBytes(4);
  const hidden = Buffer.from(data.map((byte, index) => byte ^ (mask[index & 3] as number)));
  return Buffer.concat([head, mask, hidden]);
}

function readFrames(buffer: Buffer): { frames: ServerFrame[]; rest: Buffer } {
  const frames: ServerFrame[] = [];
  let rest = buffer;
  for (;;) {
    if (rest.length < 2) return { frames, rest };
    const [first, second] = rest as unknown as [number, number];
    const short = second & 0x7f;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (rest.length < size) return { frames, rest };
    const length = size === 2 ? short : size === 4 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < size + length) return { frames, rest };
    frames.push({ first, isMasked: (second & 0x80) !== 0, payload: rest.subarray(size, size + length) });
    rest = rest.subarray(size + length);
  }
}

/** An open socket. */
export interface RawConsole {
  /** Status line and headers of the answer. */
  readonly head: string;
  /** Body of an answer that is no 101. */
  readonly frames: ServerFrame[];
  /** Text of all data frames so far. */
  text(): string;
  /** Sends bytes as they are. */
  raw(bytes: Buffer): void;
  /** Sends one frame. */
  send(payload: string | Buffer, options?: FrameOptions): void;
  /** Sends input. */
  type(text: string | Buffer): void;
  /** Resolves when the text has what is wanted; rejects when the connection ends before, or nothing comes for 5 s. */
  until(wanted: string | RegExp): Promise<string>;
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<void>;
  close(): void;
}

/** What to open. */
export interface RawOptions {
  readonly url: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How long anything is waited for; default 5 s. */
  readonly patienceMs?: number;
}

/** Headers of a good handshake. */
export const goodHeaders: Readonly<Record<string, string>> = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'binary',
};

const defaultPatienceMs = 5000;

function open(url: URL): Socket {
  const where = { host: url.hostname, port: Number(url.port) };
  return url.protocol === 'http:' ? connectTcp(where) : connectTls({ ...where, rejectUnauthorized: false });
}

/** Opens a socket and sends the handshake; resolves with the head of the answer. */
export async function openRaw(options: RawOptions): Promise<RawConsole> {
  const { patienceMs = defaultPatienceMs } = options;
  const url = new URL(options.url);
  const socket = open(url);
  let buffer: Buffer = Buffer.alloc(0);
  let data: Buffer = Buffer.alloc(0);
  let head: string | undefined;
  const frames: ServerFrame[] = [];
  const waiting = new Set<() => void>();
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isClosed = true;
      resolve();
      for (const wake of waiting) wake();
    });
  });
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    if (head === undefined) {
      const end = buffer.indexOf('\r\n\r\n');
      if (end >= 0) {
        head = buffer.toString('latin1', 0, end);
        buffer = buffer.subarray(end + 4);
      }
    }
    if (head?.startsWith('HTTP/1.1 101')) {
      const found = readFrames(buffer);
      buffer = found.rest;
      frames.push(...found.frames);
      data = Buffer.concat([data, ...found.frames.filter((f) => f.first === 0x82).map((f) => f.payload)]);
    }
    for (const wake of waiting) wake();
  });
  const waitFor = (what: string, isThere: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        waiting.delete(look);
        if (error) reject(error);
        else resolve();
      };
      const tell = (why: string): Error =>
        new Error(`${why} before ${what}: ${JSON.stringify(data.toString())}`);
      const look = (): void => {
        if (isThere()) finish();
        else if (isClosed) finish(tell('closed'));
      };
      const timer = setTimeout(() => finish(tell('nothing came')), patienceMs);
      waiting.add(look);
      look();
    });
  const lines = [`GET ${options.path} HTTP/1.1`, `Host: ${url.host}`];
  for (const [name, value] of Object.entries(options.headers)) lines.push(`${name}: ${value}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await waitFor('an answer', () => head !== undefined);
  const send = (payload: string | Buffer, how: FrameOptions = {}): void => {
    socket.write(clientFrame(payload, how));
  };
  return {
    head: head ?? '',
    frames,
    text: () => data.toString('utf8'),
    raw: (bytes) => void socket.write(bytes),
    send,
    type: (text) => {
      const bytes = Buffer.from(text);
      send(Buffer.concat([Buffer.from(`0:${bytes.length}:`), bytes]));
    },
    until: async (wanted) => {
      const isThere = (): boolean =>
        typeof wanted === 'string' ? data.includes(wanted) : wanted.test(data.toString('utf8'));
      await waitFor(String(wanted), isThere);
      return data.toString('utf8');
    },
    closed,
    close: () => socket.destroy(),
  };
}
