/** The wire protocol of termproxy, rule by rule as the contract (lxc-endpoints §G, transport-auth §11) has them. */
import { describe, expect, it } from 'vitest';
import {
  encodeInput,
  encodeKeepAlive,
  encodeLogin,
  encodeResize,
  greetingReader,
  keepAliveMs,
} from '../../../src/console/wire.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const show = (message: Uint8Array | undefined): string | undefined =>
  message === undefined ? undefined : Buffer.from(message).toString('latin1');

describe('the login line', () => {
  it.each([
    ['of a user', 'root@pam', 'PVEVNC:65A0::c2ln+/=', 'root@pam:PVEVNC:65A0::c2ln+/=\n'],
    ['of a token', 'fleet@pve!ci', 'PVEVNC:65A0::x', 'fleet@pve!ci:PVEVNC:65A0::x\n'],
  ])('%s', (_, user, ticket, want) => {
    expect(show(encodeLogin(user, ticket))).toBe(want);
  });
});

describe('the greeting', () => {
  it.each([
    ['in one piece', ['OK'], { state: 'accepted', rest: '' }],
    ['byte by byte', ['O', 'K'], { state: 'accepted', rest: '' }],
    ['after an empty frame', ['', 'OK'], { state: 'accepted', rest: '' }],
    ['with output behind it', ['OK\x1b[H\x1b[J'], { state: 'accepted', rest: '\x1b[H\x1b[J' }],
    ['split, with output behind it', ['O', 'Kroot@c500:/# '], { state: 'accepted', rest: 'root@c500:/# ' }],
    ['not yet there', ['O'], { state: 'waiting' }],
    ['nothing yet', [''], { state: 'waiting' }],
    ['another text', ['NO'], { state: 'refused', text: 'NO' }],
    ['another first byte', ['authentication failed\n'], { state: 'refused', text: 'authentication failed' }],
    ['another second byte', ['O', 'h no'], { state: 'refused', text: 'Oh no' }],
  ])('%s', (_, frames, want) => {
    const read = greetingReader();
    const seen = frames.map((frame) => read(bytes(frame))).at(-1);
    expect(seen && 'rest' in seen ? { ...seen, rest: show(seen.rest) } : seen).toEqual(want);
  });
});

describe('input', () => {
  it.each([
    ['a key', 'a', ['0:1:a']],
    ['a line', 'ls -l\r', ['0:6:ls -l\r']],
    ['a control character', '\x03', ['0:1:\x03']],
    ['colons and digits', '0:1:x', ['0:5:0:1:x']],
    ['nothing', '', []],
  ])('%s', (_, given, want) => {
    expect(encodeInput(bytes(given)).map(show)).toEqual(want);
  });

  it('counts bytes, not characters', () => {
    expect(encodeInput(bytes('é€😀')).map(show)).toEqual([`0:9:${Buffer.from('é€😀').toString('latin1')}`]);
  });

  it('passes bytes that are no UTF-8', () => {
    expect(encodeInput(Uint8Array.of(0xff, 0x00, 0xc3))).toEqual([
      Uint8Array.of(...bytes('0:3:'), 0xff, 0x00, 0xc3),
    ]);
  });

  it('is split into messages below 128 KiB that together are what was typed, split characters included', () => {
    const typed = bytes('€'.repeat(100_000));
    const messages = encodeInput(typed);
    expect(messages.length).toBeGreaterThan(2);
    const data = messages.map((message) => {
      expect(message.length).toBeLessThan(128 * 1024);
      const [, length, rest] = /^0:(\d+):([\s\S]*)$/.exec(show(message) as string) as unknown as string[];
      expect(rest?.length).toBe(Number(length));
      return Buffer.from(rest as string, 'latin1');
    });
    expect(Buffer.concat(data).equals(typed)).toBe(true);
    expect(data.some((piece) => piece.toString().includes('\ufffd'))).toBe(true);
  });
});

describe('the size', () => {
  it.each([
    ['of a window', 132, 43, '1:132:43:'],
    ['that a window tells before it knows its own', 0, 0, undefined],
    ['of no window', Number.NaN, 24, undefined],
    ['that is no whole number', 80.5, 24, undefined],
    ['beyond what a terminal can have', 70_000, 24, undefined],
  ])('%s', (_, columns, rows, want) => {
    expect(show(encodeResize(columns, rows))).toBe(want);
  });
});

describe('the sign of life', () => {
  it('is a 2, every 30 s', () => {
    expect(show(encodeKeepAlive())).toBe('2');
    expect(keepAliveMs).toBe(30_000);
  });
});
