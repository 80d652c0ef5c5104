/**
 * Typing a command line: echo, corrections, history, pasted text, as readline and the editor of busybox show them.
 * Leaves the terminal as it was found.
 */
import { Killed } from './processes.ts';
import type { Terminal } from './terminal.ts';

/** How a line is asked for. */
export interface LineRequest {
  readonly prompt: string;
  /** Frames the line with what tells a terminal that pasted text can be told apart. */
  readonly bracketed: boolean;
  /** Ends the typing, with a `Killed`. */
  readonly signal: AbortSignal;
  /** Earlier lines, oldest first. */
  readonly history: readonly string[];
  /** Given what shows the line once more, for when the size of the terminal changes. */
  readonly onReady: (redraw: () => void) => void;
}

/** What came of it: a line without its end; `undefined` at the end of the input. */
export interface LineResult {
  readonly line: string | undefined;
  /** Given up with Ctrl-C. */
  readonly isCancelled: boolean;
}

const pasteOn = '\x1b[?2004h';
const pasteOff = '\x1b[?2004l\r';
const sequence = /^\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O[A-Z]|[^[O])/;
const maxSequence = 16;

/** The visible width of a prompt. */
function widthOf(prompt: string): number {
  return prompt.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '').length;
}

/** Reads a line. */
export async function editLine(terminal: Terminal, request: LineRequest): Promise<LineResult> {
  const { prompt, bracketed, signal, history } = request;
  const before = terminal.termios;
  const isShown = before.flags.echo;
  const print = (text: string): Promise<void> => terminal.write(Buffer.from(text, 'latin1'));
  let line = '';
  let place = history.length;
  const put = async (text: string): Promise<void> => {
    for (const character of text) {
      line += character;
      if (!isShown) continue;
      const isFull = (widthOf(prompt) + line.length) % terminal.size.columns === 0;
      await print(isFull ? `${character} \r` : character);
    }
  };
  const rub = async (count: number): Promise<void> => {
    line = line.slice(0, line.length - count);
    if (isShown) await print('\b \b'.repeat(count));
  };
  const recall = async (step: number): Promise<void> => {
    const next = Math.min(history.length, Math.max(0, place + step));
    if (next === place) return;
    place = next;
    await rub(line.length);
    await put(history[place] ?? '');
  };
  const keys: Readonly<Record<string, () => Promise<void>>> = {
    '\x7f': () => rub(Math.min(1, line.length)),
    '\b': () => rub(Math.min(1, line.length)),
    '\x15': () => rub(line.length),
    '\x17': () => rub(line.length - line.replace(/\S*\s*$/, '').length),
    '\f': async () => print(`\x1b[H\x1b[2J${prompt}${isShown ? line : ''}`),
    '\x1b[A': () => recall(-1),
    '\x1b[B': () => recall(1),
    '\x1bOA': () => recall(-1),
    '\x1bOB': () => recall(1),
  };
  const finish = async (text: string | undefined): Promise<LineResult> => {
    if (isShown) await print(text === undefined ? '' : '\n');
    if (bracketed) await print(pasteOff);
    return { line: text, isCancelled: false };
  };

  terminal.termios = {
    ...before,
    flags: { ...before.flags, icanon: false, echo: false, icrnl: false },
    min: 1,
    time: 0,
  };
  try {
    await print(`${bracketed ? pasteOn : ''}${prompt}`);
    let pending = '';
    request.onReady(() => {
      print(`\r\x1b[K\r${prompt}${isShown ? line : ''}`).catch(() => undefined); // a terminal that is gone shows nothing
    });
    for (;;) {
      if (pending === '') pending = Buffer.from(await terminal.read(1, signal)).toString('latin1');
      if (pending === '') return await finish(undefined);
      if (pending === '\r' || pending === '\n') return await finish(line);
      if (pending === '\x04' && line === '') return await finish(undefined);
      if (pending.startsWith('\x1b') && !sequence.test(pending) && pending.length < maxSequence) {
        const more = Buffer.from(await terminal.read(1, signal)).toString('latin1');
        if (more === '') return await finish(undefined);
        pending += more;
        // A lone escape in front of `[` or `O` is the beginning of more.
        if (pending === '\x1b[' || pending === '\x1bO') continue;
        if (!sequence.test(pending)) continue;
      }
      const key = keys[pending];
      if (key) await key();
      else if (pending.length === 1 && pending >= ' ') await put(pending);
      else if (pending === '\t') await put('');
      pending = '';
    }
  } catch (error) {
    if (!(error instanceof Killed) || error.signal !== 'INT') throw error;
    await print('^C\n');
    if (bracketed) await print(pasteOff);
    return { line: '', isCancelled: true };
  } finally {
    terminal.termios = before;
  }
}
