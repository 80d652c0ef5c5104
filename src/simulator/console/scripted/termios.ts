/** Settings of a terminal, and the words of stty for them. No behaviour. */

/** Settings that are on or off. */
type TermFlag =
  | 'isig'
  | 'icanon'
  | 'iexten'
  | 'echo'
  | 'echoe'
  | 'echok'
  | 'echonl'
  | 'echoctl'
  | 'noflsh'
  | 'icrnl'
  | 'inlcr'
  | 'igncr'
  | 'ixon'
  | 'brkint'
  | 'imaxbel'
  | 'iutf8'
  | 'opost'
  | 'onlcr'
  | 'cread';

/** The settings of a terminal. */
export interface Termios {
  readonly flags: Readonly<Record<TermFlag, boolean>>;
  /** Bytes that a read waits for, without `icanon`. */
  readonly min: number;
  /** Tenths of a second that it waits, without `icanon`. */
  readonly time: number;
}

/** As a fresh terminal is, and `stty sane` makes it. */
export const sane: Termios = {
  flags: {
    isig: true,
    icanon: true,
    iexten: true,
    echo: true,
    echoe: true,
    echok: true,
    echonl: false,
    echoctl: true,
    noflsh: false,
    icrnl: true,
    inlcr: false,
    igncr: false,
    ixon: true,
    brkint: true,
    imaxbel: true,
    iutf8: false,
    opost: true,
    onlcr: true,
    cread: true,
  },
  min: 1,
  time: 0,
};

const rawOff: readonly TermFlag[] = [
  'isig',
  'icanon',
  'icrnl',
  'inlcr',
  'igncr',
  'ixon',
  'brkint',
  'imaxbel',
  'opost',
];
const cookedOn: readonly TermFlag[] = ['isig', 'icanon', 'icrnl', 'ixon', 'brkint', 'opost'];

const order = Object.keys(sane.flags) as TermFlag[];

function isFlag(word: string): word is TermFlag {
  return Object.hasOwn(sane.flags, word);
}

function withFlags(termios: Termios, names: readonly TermFlag[], value: boolean): Termios {
  return {
    ...termios,
    flags: { ...termios.flags, ...Object.fromEntries(names.map((name) => [name, value])) },
  };
}

/** Settings under one name. */
const combinations: Readonly<Record<string, (termios: Termios) => Termios>> = {
  sane: () => sane,
  raw: (termios) => ({ ...withFlags(termios, rawOff, false), min: 1, time: 0 }),
  '-raw': (termios) => withFlags(termios, cookedOn, true),
  cooked: (termios) => withFlags(termios, cookedOn, true),
  '-cooked': (termios) => withFlags(termios, rawOff, false),
  cbreak: (termios) => withFlags(termios, ['icanon'], false),
  '-cbreak': (termios) => withFlags(termios, ['icanon'], true),
};

/** All settings as one word, for `stty -g`. */
export function packTermios({ flags, min, time }: Termios): string {
  const bits = order.reduce((sum, name, index) => (flags[name] ? sum + 2 ** index : sum), 0);
  return [bits, min, time].map((part) => part.toString(16)).join(':');
}

function unpackTermios(word: string): Termios | undefined {
  if (!/^[0-9a-f]+:[0-9a-f]+:[0-9a-f]+$/.test(word)) return undefined;
  const [bits, min, time] = word.split(':').map((part) => Number.parseInt(part, 16)) as [
    number,
    number,
    number,
  ];
  const flags = Object.fromEntries(
    order.map((name, index) => [name, Math.floor(bits / 2 ** index) % 2 === 1]),
  );
  return { flags: flags as Record<TermFlag, boolean>, min, time };
}

/** What a list of words asks for. */
export interface SttyChange {
  readonly termios: Termios;
  readonly size?: { readonly rows?: number; readonly columns?: number };
}

/**
 * Applies the words of stty.
 *
 * @returns the new settings, or the word that it does not know.
 */
export function applyStty(present: Termios, words: readonly string[]): SttyChange | string {
  let termios = present;
  const size: { rows?: number; columns?: number } = {};
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string;
    const combined = combinations[word];
    const packed = unpackTermios(word);
    const bare = word.replace(/^-/, '');
    const number = Number(words[index + 1]);
    if (combined) termios = combined(termios);
    else if (packed) termios = packed;
    else if (isFlag(bare)) termios = withFlags(termios, [bare], word === bare);
    else if (word === 'min' || word === 'time') termios = { ...termios, [word]: number };
    else if (word === 'rows') size.rows = number;
    else if (word === 'cols' || word === 'columns') size.columns = number;
    else if (
      !/^(-?parenb|-?hupcl|cs8|-?tostop|-?ixany|-?ixoff|-?extproc|-?pendin|-?echoke|-?echoprt)$/.test(word)
    )
      return word;
    if (['min', 'time', 'rows', 'cols', 'columns'].includes(word)) {
      if (!Number.isInteger(number)) return word;
      index += 1;
    }
  }
  return { termios, size };
}

/** What `stty -a` prints. */
export function describeTermios(termios: Termios, size: { columns: number; rows: number }): string {
  const { flags, min, time } = termios;
  const words = order.map((name) => (flags[name] ? name : `-${name}`));
  return [
    `speed 38400 baud; rows ${size.rows}; columns ${size.columns}; line = 0;`,
    'intr = ^C; quit = ^\\; erase = ^?; kill = ^U; eof = ^D; eol = <undef>; eol2 = <undef>; swtch = <undef>;',
    `start = ^Q; stop = ^S; susp = ^Z; rprnt = ^R; werase = ^W; lnext = ^V; discard = ^O; min = ${min}; time = ${time};`,
    words.join(' '),
    '',
  ].join('\n');
}
