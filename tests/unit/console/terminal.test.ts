/** What stands between a console and the terminal in front of it: modes, the key that leaves, the first clearing. */
import { describe, expect, it } from 'vitest';
import { parseEscapeKey } from '../../../src/console/escape-key.ts';
import { withoutFirstClear } from '../../../src/console/first-clear.ts';
import { trackModes } from '../../../src/console/terminal-modes.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (given: Uint8Array): string => Buffer.from(given).toString();

describe('leaving a console undoes', () => {
  it.each([
    ['attributes only, after plain output', 'hello \x1b[1;31mred', ''],
    ['the bracketed paste of a prompt', '\x1b[?2004hroot@c500:/# ', '\x1b[?2004l'],
    ['nothing that was undone already', '\x1b[?2004h\x1b[?2004l\x1b[?1049h\x1b[?1049l', ''],
    [
      'a full-screen program, its screen before its cursor',
      '\x1b[?25l\x1b[?1h\x1b=\x1b[?1049h\x1b[2;20r',
      '\x1b[?1049l\x1b[?25h\x1b[?1l\x1b>\x1b7\x1b[r\x1b8',
    ],
    ['several modes of one sequence', '\x1b[?1002;1006h\x1b[?1006l', '\x1b[?1002l'],
    ['automatic wrap that is off', '\x1b[?7l', '\x1b[?7h'],
    ['insert mode', '\x1b[4h', '\x1b[4l'],
    ['no insert mode that is off again', '\x1b[4h\x1b[4l', ''],
    ['the shape of the cursor', '\x1b[6 q', '\x1b[0 q'],
    [
      'keys as kitty tells them, on the screen that asked for it',
      '\x1b[?1049h\x1b[>1u',
      '\x1b[<99u\x1b[?1049l',
    ],
    ['keys as xterm tells them', '\x1b[>4;2m', '\x1b[>4m'],
    ['the characters for lines', '\x1b(0lqqk', '\x1b(B'],
    ['nothing after a reset', '\x1b[?1049h\x1b[?25l\x1bc', ''],
    ['nothing that it does not know', '\x1b[?9999h\x1b]0;title\x07\x1b[38;5;1mx\x1b[>0c', ''],
    ['nothing for text that looks like a sequence', '[?1049h ^[[?25l', ''],
  ])('%s', (_, output, want) => {
    const whole = trackModes();
    whole.push(bytes(output));
    expect(whole.reset()).toBe(`${want}\x1b[0m`);
    const split = trackModes();
    for (const byte of bytes(output)) split.push(Uint8Array.of(byte));
    expect(split.reset()).toBe(`${want}\x1b[0m`);
  });

  it('is done once', () => {
    const modes = trackModes();
    modes.push(bytes('\x1b[?1049h'));
    expect([modes.reset(), modes.reset()]).toEqual(['\x1b[?1049l\x1b[0m', '\x1b[0m']);
  });

  it('does not hang on a sequence that never ends', () => {
    const modes = trackModes();
    modes.push(bytes(`\x1b[${'1;'.repeat(10_000)}`));
    modes.push(bytes('\x1b[?25l'));
    expect(modes.reset()).toBe('\x1b[?25h\x1b[0m');
  });
});

describe('the escape key', () => {
  it.each([
    ['ctrl-]', 'Ctrl-]', '\x1d'],
    ['^]', 'Ctrl-]', '\x1d'],
    ['Ctrl-A', 'Ctrl-A', '\x01'],
    ['c-q', 'Ctrl-Q', '\x11'],
    ['^^', 'Ctrl-^', '\x1e'],
    ['ctrl-\\', 'Ctrl-\\', '\x1c'],
    ['^@', 'Ctrl-@', '\0'],
  ])('%s', (given, name, key) => {
    const leave = parseEscapeKey(given);
    expect(leave?.name).toBe(name);
    expect(leave?.find(bytes(`ab${key}c`))).toBe(2);
    expect(leave?.find(bytes(']aAqQ^\\@'))).toBe(-1);
  });

  it.each([
    ['as kitty tells it', '\x1b[93;5u'],
    ['as kitty tells it with the shifted key', '\x1b[93:125;5u'],
    ['as kitty tells its being pressed', '\x1b[93;5:1u'],
    ['as xterm tells it', '\x1b[27;5;93~'],
  ])('is found %s', (_, key) => {
    expect(parseEscapeKey('ctrl-]')?.find(bytes(`x${key}`))).toBe(1);
  });

  it.each(['\x1b[93;6u', '\x1b[93u', '\x1b[93;5:3u', '\x1b[27;5;94~'])('is not %j', (key) => {
    expect(parseEscapeKey('ctrl-]')?.find(bytes(key))).toBe(-1);
  });

  it('can be turned off', () => {
    expect(parseEscapeKey('none')).toBeUndefined();
  });

  it.each([
    ['', 'is no escape key'],
    [']', 'is no escape key'],
    ['ctrl-]]', 'is no escape key'],
    ['alt-x', 'is no escape key'],
    ['ctrl-m', 'it is Enter'],
    ['^i', 'it is Tab'],
    ['ctrl-[', 'it is Escape'],
  ])('is not %j', (given, message) => {
    expect(() => parseEscapeKey(given)).toThrow(message);
  });
});

describe('the first clearing', () => {
  it.each([
    ['is taken off', ['\x1b[H\x1b[Jroot# '], 'root# '],
    ['is taken off when it comes in pieces', ['\x1b', '[H\x1b[', 'Jroot# ', 'x'], 'root# x'],
    ['is taken off once', ['\x1b[H\x1b[J', '\x1b[H\x1b[Jx'], '\x1b[H\x1b[Jx'],
    ['stays when it is not the first thing', ['x\x1b[H\x1b[J'], 'x\x1b[H\x1b[J'],
    ['leaves what only begins like it', ['\x1b[H', '\x1b[2Jx'], '\x1b[H\x1b[2Jx'],
    ['leaves short output', ['$ '], '$ '],
  ])('%s', (_, output, want) => {
    const filter = withoutFirstClear();
    expect(output.map((piece) => text(filter(bytes(piece)))).join('')).toBe(want);
  });
});
