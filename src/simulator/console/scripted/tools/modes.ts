/** Programs for permissions and owners. */
import type { Entry } from '../files.ts';
import { forEach, needEntry } from './file-common.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const permissions = 0o7777;

/** Bits of a mode given as numbers or letters. */
export function parseMode(text: string, present: number, isDirectory: boolean): number {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  let mode = present;
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/.exec(clause);
    if (!match) throw new ToolError(`invalid mode: '${text}'`);
    const who = match[1] === '' || match[1]?.includes('a') ? 'ugo' : (match[1] as string);
    for (const [, operator = '', bits = ''] of (match[2] as string).matchAll(/([-+=])([rwxXst]*)/g)) {
      let mask = 0;
      let range = 0;
      for (const person of who) {
        const shift = { u: 6, g: 3, o: 0 }[person] ?? 0;
        range |= 7 << shift;
        if (bits.includes('r')) mask |= 4 << shift;
        if (bits.includes('w')) mask |= 2 << shift;
        if (bits.includes('x') || (bits.includes('X') && (isDirectory || (present & 0o111) !== 0)))
          mask |= 1 << shift;
        if (bits.includes('s') && person !== 'o') mask |= person === 'u' ? 0o4000 : 0o2000;
      }
      if (bits.includes('t')) mask |= 0o1000;
      mode = operator === '+' ? mode | mask : operator === '-' ? mode & ~mask : (mode & ~range) | mask;
    }
  }
  return mode;
}

/** Everything that a change means: with `-R` also what is below. */
function meant(context: ToolContext, name: string, isDeep: boolean): string[] {
  const { path } = needEntry(context, name, false);
  return isDeep ? context.files.walk(path) : [path];
}

const chmod: Tool = {
  run: (context) => {
    const args = context.args.map((word, index) =>
      index < 2 && /^-[rwxXst]+$/.test(word) && word !== '-R' ? `a${word}` : word,
    );
    const { flags, rest } = parseOptions(args, 'Rvfc', { recursive: 'R' });
    const [mode = '', ...targets] = rest;
    return forEach(
      context,
      targets,
      (name) => {
        for (const path of meant(context, name, flags.has('R'))) {
          const entry = context.files.get(path) as Entry;
          if (entry.type === 'link') continue;
          context.files.put(path, {
            ...entry,
            mode: parseMode(mode, entry.mode, entry.type === 'dir') & permissions,
          });
        }
      },
      'cannot access ',
    );
  },
};

export function idOf(context: ToolContext, file: string, name: string): string {
  if (/^[0-9]+$/.test(name)) return name;
  const fields = context.files
    .read(file)
    .split('\n')
    .map((line) => line.split(':'))
    .find(([first]) => first === name);
  if (!fields) throw new ToolError(`invalid ${file === '/etc/passwd' ? 'user' : 'group'}: '${name}'`);
  return fields[2] as string;
}

/** chown and chgrp. */
function owning(isGroup: boolean): Tool {
  return {
    run: (context) => {
      const { flags, rest } = parseOptions(context.args, 'Rhvfc', { recursive: 'R', 'no-dereference': 'h' });
      const [spec = '', ...targets] = rest;
      const [user = '', group] = isGroup ? ['', spec] : spec.split(/[:.]/);
      return forEach(
        context,
        targets,
        (name) => {
          for (const path of meant(context, name, flags.has('R'))) {
            const entry = context.files.get(path) as Entry;
            const [uid = '0', gid = '0'] = (entry.owner ?? '0:0').split(':');
            const newUid = user === '' ? uid : idOf(context, '/etc/passwd', user);
            const newGid =
              group === undefined ? gid : group === '' ? newUid : idOf(context, '/etc/group', group);
            context.files.put(path, { ...entry, owner: `${newUid}:${newGid}` });
          }
        },
        'cannot access ',
      );
    },
  };
}

export const modeTools: Readonly<Record<string, Tool>> = {
  chgrp: owning(true),
  chmod,
  chown: owning(false),
};
