/**
 * Which modes of the local terminal the output of a console has switched on, and how to switch them off again when the
 * console is left in the middle of a full-screen program. Pure; it reads along and changes nothing.
 */

/** What brings a terminal back, by what was switched. Each is sent only when it is needed. */
type Modes = Map<string, string>;

/** Private modes (`ESC [ ? N h` and `l`) that a terminal has off by itself. */
const offByDefault = new Set([
  '1',
  '5',
  '9',
  '47',
  '66',
  '1000',
  '1002',
  '1003',
  '1004',
  '1005',
  '1006',
  '1015',
  '1016',
  '1047',
  '1049',
  '2004',
  '2026',
  '2048',
]);
/** Those that it has on: automatic wrap and the cursor. */
const onByDefault = new Set(['7', '25']);

/** What is undone first: each screen has keys of its own, and the rest is undone on the screen that is left over. */
const first: readonly string[] = ['keys', '?47', '?1047', '?1049'];

/** Longer than any sequence that matters; what is longer is text that only began like one. */
const maxSequence = 64;

const escapeByte = 0x1b;

/** Follows the output of a console. */
export interface ModeTracker {
  /**
   * Reads output.
   *
   * @param bytes - the next piece; sequences may be split over pieces.
   */
  push(bytes: Uint8Array): void;
  /**
   * Gives what undoes everything that is switched on now, and takes it for done.
   *
   * @returns text for the terminal; resets at least colours and attributes.
   */
  reset(): string;
}

function privateMode(modes: Modes, parameters: string, final: string): void {
  for (const mode of parameters.split(';')) {
    const isOn = final === 'h';
    if (offByDefault.has(mode)) {
      if (isOn) modes.set(`?${mode}`, `\x1b[?${mode}l`);
      else modes.delete(`?${mode}`);
    } else if (onByDefault.has(mode)) {
      if (isOn) modes.delete(`?${mode}`);
      else modes.set(`?${mode}`, `\x1b[?${mode}h`);
    }
  }
}

/** Control sequences by their shape, `ESC [` left out: prefix, parameters, final. First match decides. */
const rows: readonly [RegExp, (modes: Modes, match: RegExpExecArray) => void][] = [
  [/^\?([\d;]+)([hl])$/, (modes, [, parameters = '', final = '']) => privateMode(modes, parameters, final)],
  // Insert mode.
  [/^4h$/, (modes) => modes.set('insert', '\x1b[4l')],
  [/^4l$/, (modes) => modes.delete('insert')],
  // A scrolling region; its reset moves the cursor.
  [/^\d*;?\d*r$/, (modes) => modes.set('region', '\x1b7\x1b[r\x1b8')],
  // The shape of the cursor.
  [/^0? q$/, (modes) => modes.delete('cursor')],
  [/^\d+ q$/, (modes) => modes.set('cursor', '\x1b[0 q')],
  // Other ways of telling keys: of xterm, and a stack of those of kitty.
  [/^>4;?0?m$/, (modes) => modes.delete('otherKeys')],
  [/^>4;\d+m$/, (modes) => modes.set('otherKeys', '\x1b[>4m')],
  [/^>[\d;]*u$/, (modes) => modes.set('keys', '\x1b[<99u')],
  [/^<[\d;]*u$/, (modes) => modes.delete('keys')],
  // A soft reset.
  [/^!p$/, (modes) => modes.clear()],
];

/** Sequences of one character, or of two, behind `ESC`. */
const short: Readonly<Record<string, (modes: Modes) => unknown>> = {
  c: (modes) => modes.clear(),
  '=': (modes) => modes.set('keypad', '\x1b>'),
  '>': (modes) => modes.delete('keypad'),
  '(0': (modes) => modes.set('charset', '\x1b(B'),
  '(B': (modes) => modes.delete('charset'),
};

function apply(modes: Modes, sequence: string): void {
  if (!sequence.startsWith('[')) {
    short[sequence]?.(modes);
    return;
  }
  const body = sequence.slice(1);
  for (const [shape, effect] of rows) {
    const match = shape.exec(body);
    if (match) {
      effect(modes, match);
      return;
    }
  }
}

/** Whether the text behind `ESC` is complete: a control sequence at its final, others at their last character. */
function isComplete(sequence: string): boolean {
  if (sequence.startsWith('[')) return /^\[[\x20-\x3f]*[\x40-\x7e]$/.test(sequence);
  // Charsets have one intermediate; strings (titles and the like) need no following, for their text is no sequence.
  return !/^[\x20-\x2f]+$/.test(sequence);
}

function undo(modes: Modes): string {
  const rank = (key: string): number => (first.includes(key) ? first.indexOf(key) : first.length);
  const steps = [...modes].sort(([a], [b]) => rank(a) - rank(b));
  return `${steps.map(([, step]) => step).join('')}\x1b[0m`;
}

/**
 * Builds the tracker.
 *
 * @returns the tracker of a terminal that is as shells leave it.
 */
export function trackModes(): ModeTracker {
  const modes: Modes = new Map();
  /** What has come behind an `ESC`; undefined between sequences. */
  let open: string | undefined;
  return {
    push: (bytes) => {
      for (const byte of bytes) {
        if (byte === escapeByte) open = '';
        else if (open !== undefined) {
          open += String.fromCharCode(byte);
          if (isComplete(open)) {
            apply(modes, open);
            open = undefined;
          } else if (open.length > maxSequence || byte < 0x20 || byte > 0x7e) open = undefined;
        }
      }
    },
    reset: () => {
      const steps = undo(modes);
      modes.clear();
      return steps;
    },
  };
}
