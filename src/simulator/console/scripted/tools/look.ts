/** Programs that look at files. */
import { baseName, type Entry, joinPath, parentOf } from '../files.ts';
import { forEach, needEntry, sizeOf } from './file-common.ts';
import { parseOptions, type Tool, type ToolContext } from './tool.ts';

/** `rwxr-xr-x`. */
function modeText(mode: number): string {
  const letters = 'rwxrwxrwx';
  const shown = letters.split('').map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'));
  if (mode & 0o1000) shown[8] = shown[8] === 'x' ? 't' : 'T';
  if (mode & 0o4000) shown[2] = shown[2] === 'x' ? 's' : 'S';
  if (mode & 0o2000) shown[5] = shown[5] === 'x' ? 's' : 'S';
  return shown.join('');
}

const typeLetters = { file: '-', dir: 'd', link: 'l' } as const;

function names(context: ToolContext, owner: string | undefined): [user: string, group: string] {
  const [uid = '0', gid = '0'] = (owner ?? '0:0').split(':');
  const find = (file: string, id: string): string =>
    context.files
      .read(file)
      .split('\n')
      .map((line) => line.split(':'))
      .find((fields) => fields[2] === id)?.[0] ?? id;
  return [find('/etc/passwd', uid), find('/etc/group', gid)];
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

function shortDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

const ls: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'laA1dRrtShFinpgo', {
      all: 'a',
      'almost-all': 'A',
      color: 'p',
    });
    const isLong = flags.has('l');
    const line = (name: string, entry: Entry): string => {
      if (!isLong) return `${name}${flags.has('F') && entry.type === 'dir' ? '/' : ''}\n`;
      const [user, group] = names(context, entry.owner);
      const target = entry.type === 'link' ? ` -> ${entry.data ?? ''}` : '';
      return `${typeLetters[entry.type]}${modeText(entry.mode)} 1 ${user} ${group} ${String(sizeOf(entry)).padStart(6)} ${shortDate(entry.mtime)} ${name}${target}\n`;
    };
    const show = async (list: readonly (readonly [string, Entry])[]): Promise<void> => {
      const sorted = flags.has('t')
        ? list.toSorted(([, a], [, b]) => b.mtime - a.mtime)
        : flags.has('S')
          ? list.toSorted(([, a], [, b]) => sizeOf(b) - sizeOf(a))
          : [...list];
      if (flags.has('r')) sorted.reverse();
      const toScreen = context.fds.get(1)?.terminal !== undefined && !isLong && !flags.has('1');
      await context.out(
        toScreen && sorted.length > 0
          ? `${sorted.map(([name]) => name).join('  ')}\n`
          : sorted.map(([name, entry]) => line(name, entry)).join(''),
      );
    };
    const wanted = rest.length === 0 ? ['.'] : rest;
    const plain: (readonly [string, Entry])[] = [];
    const folders: string[] = [];
    const status = await forEach(
      context,
      wanted,
      (name) => {
        const isBroken = !context.files.get(context.path(name));
        const { entry } = needEntry(context, name, isLong || flags.has('d') || isBroken);
        if (entry.type === 'dir' && !flags.has('d')) folders.push(name);
        else plain.push([name, entry]);
      },
      'cannot access ',
    );
    if (plain.length > 0) await show(plain);
    const list = async (name: string, isFirst: boolean): Promise<void> => {
      const path = context.path(name);
      if (wanted.length > 1 || flags.has('R')) await context.out(`${isFirst ? '' : '\n'}${name}:\n`);
      const found = context.files
        .list(path)
        .filter((child) => flags.has('a') || flags.has('A') || !child.startsWith('.'))
        .map((child) => [child, context.files.get(joinPath(path, child)) as Entry] as const);
      const self = context.files.get(path) as Entry;
      if (isLong) await context.out(`total ${found.length * 4}\n`);
      await show(flags.has('a') ? [['.', self], ['..', self], ...found] : found);
      if (flags.has('R'))
        for (const [child, entry] of found)
          if (entry.type === 'dir') await list(joinPath(name, child), false);
    };
    for (const [index, name] of folders.entries()) await list(name, index === 0 && plain.length === 0);
    return status === 0 ? 0 : 2;
  },
};

const stat: Tool = {
  run: (context) => {
    const { rest, value } = parseOptions(context.args, 'c:Lf', { format: 'c', printf: 'c' });
    return forEach(
      context,
      rest,
      async (name) => {
        const { entry } = needEntry(context, name);
        const [user, group] = names(context, entry.owner);
        const [uid = '0', gid = '0'] = (entry.owner ?? '0:0').split(':');
        const kind =
          entry.type === 'dir'
            ? 'directory'
            : entry.type === 'link'
              ? 'symbolic link'
              : sizeOf(entry) === 0
                ? 'regular empty file'
                : 'regular file';
        const fields: Readonly<Record<string, string>> = {
          a: entry.mode.toString(8),
          A: typeLetters[entry.type] + modeText(entry.mode),
          s: String(sizeOf(entry)),
          n: name,
          N: `'${name}'`,
          U: user,
          G: group,
          u: uid,
          g: gid,
          Y: String(entry.mtime),
          Z: String(entry.mtime),
          X: String(entry.mtime),
          F: kind,
          y: new Date(entry.mtime * 1000)
            .toISOString()
            .replace('T', ' ')
            .replace(/\.000Z$/, '.000000000 +0000'),
          h: '1',
          i: '1',
          '%': '%',
        };
        const format = value('c');
        const text =
          format === undefined
            ? `  File: ${name}\n  Size: ${fields['s']}\t${kind}\nAccess: (0${fields['a']}/${fields['A']})  Uid: (${uid}/${user})   Gid: (${gid}/${group})\nModify: ${fields['y']}`
            : format.replaceAll(/%(.)/g, (whole, letter: string) => fields[letter] ?? whole);
        await context.out(`${text}\n`);
      },
      'cannot statx ',
    );
  },
};

const readlink: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'femnqs');
    for (const name of rest) {
      if (flags.has('f') || flags.has('e') || flags.has('m')) {
        await context.out(`${context.path(name)}\n`);
        continue;
      }
      const entry = context.files.get(context.path(name, true));
      if (entry?.type !== 'link') return 1;
      await context.out(`${entry.data ?? ''}\n`);
    }
    return 0;
  },
};

const realpath: Tool = {
  run: (context) =>
    forEach(context, parseOptions(context.args, 'emsq').rest, async (name) => {
      await context.out(`${context.path(name)}\n`);
    }),
};

const basename: Tool = {
  run: async (context) => {
    const [name = '', suffix = ''] = parseOptions(context.args, 'as:').rest;
    const base = baseName(name.replace(/(?!^)\/+$/, '')) || '/';
    await context.out(
      `${suffix !== '' && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base}\n`,
    );
    return 0;
  },
};

const dirname: Tool = {
  run: async (context) => {
    const name = (context.args[0] ?? '').replace(/(?!^)\/+$/, '');
    await context.out(`${name.includes('/') ? parentOf(name) : '.'}\n`);
    return 0;
  },
};

const du: Tool = {
  run: (context) => {
    const { flags, rest } = parseOptions(context.args, 'shkbacd:');
    return forEach(
      context,
      rest.length === 0 ? ['.'] : rest,
      async (name) => {
        const { path } = needEntry(context, name);
        const bytes = context.files
          .walk(path)
          .reduce((sum, each) => sum + sizeOf(context.files.get(each) as Entry), 0);
        await context.out(`${flags.has('b') ? bytes : Math.ceil(bytes / 1024)}\t${name}\n`);
      },
      'cannot access ',
    );
  },
};

const df: Tool = {
  run: async (context) => {
    const rootfs = context.machine.container.config['rootfs'] ?? '';
    const gib = Number(/size=([0-9.]+)G/.exec(rootfs)?.[1] ?? 4);
    const total = gib * 1024 * 1024;
    const used = Math.round(total / 5);
    await context.out(
      `Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/root      ${total} ${used} ${total - used}  20% /\n`,
    );
    return 0;
  },
};

export const lookTools: Readonly<Record<string, Tool>> = {
  basename,
  df,
  dirname,
  du,
  ls,
  readlink,
  realpath,
  stat,
};
