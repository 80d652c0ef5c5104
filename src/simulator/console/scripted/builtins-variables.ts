/** Commands of the shell for variables, options and input. */
import { type Builtin, fail, printable, say } from './builtin.ts';
import { Killed } from './processes.ts';
import { assign, variableValue } from './shell-state.ts';
import { readLine } from './tools/tool.ts';

/** `export` and `readonly`. */
export function marking(mark: 'exported' | 'readonly'): Builtin {
  const verb = mark === 'exported' ? 'export' : 'readonly';
  return async (shell, args) => {
    const words = args.filter((word) => word !== '-p' && word !== '--');
    if (words.length === 0) {
      const lines = [...shell.variables]
        .filter(([, variable]) => variable[mark] === true)
        .map(([name, { value }]) => `${verb} ${name}${value === undefined ? '' : `=${printable(value)}`}\n`);
      await say(shell, 1, lines.sort().join(''));
      return 0;
    }
    for (const word of words) {
      const [name = '', value] = word.includes('=')
        ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]
        : [word];
      if (!/^[A-Za-z_]\w*$/.test(name)) return fail(shell, verb, `${word}: bad variable name`, 2);
      if (value !== undefined) assign(shell, name, value);
      const variable = shell.variables.get(name) ?? { value: undefined, exported: false };
      variable[mark] = true;
      shell.variables.set(name, variable);
    }
    return 0;
  };
}

export const readWords: Builtin = async (shell, args) => {
  const names = [...args];
  let isRaw = false;
  let prompt = '';
  while (names[0]?.startsWith('-')) {
    const option = names.shift() as string;
    if (option.includes('r')) isRaw = true;
    if (option === '-p') prompt = names.shift() ?? '';
  }
  const input = shell.fds.get(0);
  if (!input) return 1;
  if (prompt !== '' && input.terminal) await say(shell, 2, prompt);
  const wait = new AbortController();
  shell.interrupt = wait;
  let text = '';
  let isWhole = false;
  try {
    const signal = AbortSignal.any([shell.process.signal, wait.signal]);
    for (;;) {
      const line = await readLine(input, signal);
      isWhole = line.endsWith('\n');
      text += isWhole ? line.slice(0, -1) : line;
      // An odd number of backslashes at the end joins the next line.
      const isJoined = !isRaw && isWhole && /(?:^|[^\\])(?:\\\\)*\\$/.test(text);
      if (!isJoined) break;
      text = text.slice(0, -1);
    }
  } catch (error) {
    if (error instanceof Killed && !shell.process.signal.aborted) return error.status;
    throw error;
  } finally {
    shell.interrupt = undefined;
  }
  if (!isRaw) text = text.replaceAll(/\\(.)/g, '$1');
  const ifs = variableValue(shell, 'IFS') ?? ' \t\n';
  const white = ifs
    .split('')
    .filter((character) => ' \t\n'.includes(character))
    .join('');
  const isIfs = (character: string | undefined): boolean =>
    character !== undefined && ifs.includes(character);
  const isWhite = (character: string | undefined): boolean =>
    character !== undefined && white.includes(character);
  const targets = names.length === 0 ? ['REPLY'] : names;
  let at = 0;
  while (isWhite(text[at])) at += 1;
  for (const [index, name] of targets.entries()) {
    if (index === targets.length - 1) {
      let end = text.length;
      while (end > at && isWhite(text[end - 1])) end -= 1;
      assign(shell, name, text.slice(at, end));
      break;
    }
    const start = at;
    while (at < text.length && !isIfs(text[at])) at += 1;
    assign(shell, name, text.slice(start, at));
    while (isWhite(text[at])) at += 1;
    if (isIfs(text[at])) {
      at += 1;
      while (isWhite(text[at])) at += 1;
    }
  }
  return isWhole ? 0 : 1;
};

const optionNames: Readonly<Record<string, string>> = {
  errexit: 'e',
  nounset: 'u',
  xtrace: 'x',
  noglob: 'f',
  allexport: 'a',
  monitor: 'm',
  noclobber: 'C',
  verbose: 'v',
  notify: 'b',
  pipefail: 'pipefail',
  ignoreeof: 'ignoreeof',
};

export const setOptions: Builtin = async (shell, args) => {
  if (args.length === 0) {
    const lines = [...shell.variables].map(([name, { value }]) => `${name}=${printable(value ?? '')}\n`);
    await say(shell, 1, lines.sort().join(''));
    return 0;
  }
  const queue = [...args];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      shell.positional = queue;
      return 0;
    }
    if (!/^[-+]./.test(word)) {
      shell.positional = [word, ...queue];
      return 0;
    }
    const isOn = word.startsWith('-');
    for (const letter of word.slice(1)) {
      const name = letter === 'o' ? optionNames[queue.shift() ?? ''] : letter;
      if (name === undefined) return fail(shell, 'set', 'Illegal option -o', 2);
      if (isOn) shell.options.add(name);
      else shell.options.delete(name);
    }
  }
  return 0;
};

export const makeLocal: Builtin = (shell, args) => {
  const hidden = shell.locals.at(-1);
  for (const word of args) {
    if (word.startsWith('-')) continue;
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    if (hidden && !hidden.has(name)) hidden.set(name, shell.variables.get(name));
    const present = shell.variables.get(name);
    const value = at < 0 ? (hidden ? undefined : present?.value) : word.slice(at + 1);
    shell.variables.set(name, { value, exported: present?.exported ?? false });
  }
  return 0;
};

export const getOptions: Builtin = (shell, args) => {
  const [letters = '', name = '', ...given] = args;
  const words = given.length > 0 ? given : shell.positional;
  const [index = 1, offset = 1] = (variableValue(shell, 'OPTIND') ?? '1').split('.').map(Number);
  const word = words[index - 1];
  const finish = (option: string, next: string): number => {
    assign(shell, name, option);
    assign(shell, 'OPTIND', next);
    return option === '?' && !word?.startsWith('-') ? 1 : 0;
  };
  if (word === undefined || !/^-./.test(word) || word === '--') {
    finish('?', String(word === '--' ? index + 1 : index));
    return 1;
  }
  const letter = word[offset] as string;
  const isLast = offset + 1 >= word.length;
  // Within a word, the place in it is kept behind a point.
  const onward = isLast ? String(index + 1) : `${index}.${offset + 1}`;
  const at = letters.indexOf(letter);
  if (at < 0 || letter === ':') {
    assign(shell, 'OPTARG', letter);
    return finish('?', onward);
  }
  if (letters[at + 1] !== ':') return finish(letter, onward);
  assign(shell, 'OPTARG', isLast ? (words[index] ?? '') : word.slice(offset + 1));
  return finish(letter, String(index + (isLast ? 2 : 1)));
};
