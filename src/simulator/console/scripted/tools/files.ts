/** Programs that look at files and change them. */
import { baseName, type Entry, FileError, joinPath, parentOf, reasons } from '../files.ts';
import { type ParsedOptions, parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const permissions = 0o7777;

/** Runs something for each name; a failure is told and the others go on. */
async function forEach(
  context: ToolContext,
  names: readonly string[],
  work: (name: string) => Promise<void> | void,
  verb = '',
): Promise<number> {
  let status = 0;
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      context.process.signal.throwIfAborted();
      const text =
        error instanceof FileError ? `${verb}'${name}': ${error.reason}` : (error as Error).message;
      await context.err(`${baseName(context.name)}: ${text}\n`);
      status = 1;
    }
  }
  return status;
}

function needEntry(context: ToolContext, name: string, keepLink = true): { path: string; entry: Entry } {
  const path = context.path(name, keepLink);
  const entry = context.files.get(path);
  if (!entry) throw new FileError(name, reasons.missing);
  return { path, entry };
}

/** Bits of a mode given as numbers or letters. */
function parseMode(text: string, present: number, isDirectory: boolean): number {
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
const directorySize = 4096;

const sizeOf = (entry: Entry): number => (entry.type === 'dir' ? directorySize : (entry.data ?? '').length);

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

const mkdir: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'pvm:', {
      parents: 'p',
      mode: 'm',
      verbose: 'v',
    });
    const given = value('m');
    const plain = 0o777 & ~context.umask;
    if (rest.length === 0) throw new ToolError('missing operand');
    return forEach(
      context,
      rest,
      (name) => {
        const path = context.path(name);
        const present = context.files.get(path);
        if (present && flags.has('p') && present.type === 'dir') return;
        if (present) throw new FileError(name, reasons.exists);
        const missing = [path];
        if (flags.has('p'))
          for (let up = parentOf(path); !context.files.get(up); up = parentOf(up)) missing.unshift(up);
        for (const directory of missing) {
          const mode = directory === path && given !== undefined ? parseMode(given, plain, true) : plain;
          context.files.put(directory, { type: 'dir', mode, mtime: context.machine.seconds() });
        }
      },
      'cannot create directory ',
    );
  },
};

const rmdir: Tool = {
  run: (context) =>
    forEach(
      context,
      parseOptions(context.args, 'pv').rest,
      (name) => {
        const { path, entry } = needEntry(context, name);
        if (entry.type !== 'dir') throw new FileError(name, reasons.notDirectory);
        if (context.files.list(path).length > 0) throw new FileError(name, reasons.notEmpty);
        context.files.remove(path);
      },
      'failed to remove ',
    ),
};

const rm: Tool = {
  run: (context) => {
    const { flags, rest } = parseOptions(context.args, 'rRfivd', {
      recursive: 'r',
      force: 'f',
      verbose: 'v',
    });
    const isDeep = flags.has('r') || flags.has('R');
    if (rest.length === 0 && !flags.has('f')) throw new ToolError('missing operand');
    return forEach(
      context,
      rest,
      (name) => {
        const path = context.path(name, true);
        const entry = context.files.get(path);
        if (!entry && flags.has('f')) return;
        if (!entry) throw new FileError(name, reasons.missing);
        if (path === '/') throw new ToolError("it is dangerous to operate recursively on '/'");
        if (entry.type === 'dir' && !isDeep) throw new FileError(name, reasons.isDirectory);
        context.files.remove(path);
      },
      'cannot remove ',
    );
  },
};

/** Where a source goes: into a directory under its name, or to the target itself. */
function targetOf(context: ToolContext, source: string, target: string, intoDirectory: boolean): string {
  const path = context.path(target);
  const isDirectory = intoDirectory && context.files.get(path)?.type === 'dir';
  return isDirectory ? joinPath(path, baseName(source.replace(/\/+$/, ''))) : path;
}

const mv: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'fnivTt:', { force: 'f', 'no-clobber': 'n' });
    const target = value('t') ?? rest.at(-1);
    const sources = value('t') === undefined ? rest.slice(0, -1) : rest;
    if (target === undefined || sources.length === 0) throw new ToolError('missing file operand');
    return forEach(
      context,
      sources,
      (name) => {
        const { path } = needEntry(context, name);
        const to = targetOf(context, path, target, !flags.has('T'));
        if (flags.has('n') && context.files.get(to)) return;
        if (to !== path) {
          if (context.files.get(to)) context.files.remove(to);
          context.files.rename(path, to);
        }
      },
      'cannot stat ',
    );
  },
};

const cp: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'rRapfivLPdTnt:', {
      recursive: 'r',
      archive: 'a',
      force: 'f',
    });
    const target = value('t') ?? rest.at(-1);
    const sources = value('t') === undefined ? rest.slice(0, -1) : rest;
    if (target === undefined || sources.length === 0) throw new ToolError('missing file operand');
    const isDeep = ['r', 'R', 'a'].some((letter) => flags.has(letter));
    const isKept = flags.has('p') || flags.has('a');
    return forEach(
      context,
      sources,
      (name) => {
        const { path, entry } = needEntry(context, name, flags.has('a') || flags.has('d') || flags.has('P'));
        if (entry.type === 'dir' && !isDeep)
          throw new ToolError(`-r not specified; omitting directory '${name}'`);
        const to = targetOf(context, path, target, !flags.has('T'));
        for (const source of context.files.walk(path)) {
          const found = context.files.get(source) as Entry;
          const place = to + source.slice(path.length);
          const mode = isKept ? found.mode : found.mode & ~context.umask;
          const mtime = isKept ? found.mtime : context.machine.seconds();
          if (found.type === 'dir' && context.files.get(place)?.type === 'dir') continue;
          const present = context.files.get(place);
          if (present?.type === 'file' && found.type === 'file') {
            const file = context.files.edit(place, present.mode);
            Object.assign(file, { data: found.data ?? '', mtime, ...(isKept ? { mode } : {}) });
          } else context.files.put(place, { ...found, mode, mtime });
        }
      },
      'cannot stat ',
    );
  },
};

const ln: Tool = {
  run: (context) => {
    const { flags, rest } = parseOptions(context.args, 'sfnTv', { symbolic: 's', force: 'f' });
    const [source = '', given = baseName(source)] = rest;
    const at = context.path(given, true);
    const target =
      context.files.get(at)?.type === 'dir' && !flags.has('T') ? joinPath(at, baseName(source)) : at;
    if (context.files.get(target)) {
      if (!flags.has('f')) throw new ToolError(`failed to create link '${given}': File exists`);
      context.files.remove(target);
    }
    const mtime = context.machine.seconds();
    if (flags.has('s')) context.files.put(target, { type: 'link', mode: 0o777, mtime, data: source });
    else context.files.put(target, needEntry(context, source).entry);
    return 0;
  },
};

/** The time that touch is to set, in seconds since the epoch. */
function touchTime(context: ToolContext, given: ParsedOptions): number {
  const like = given.value('r');
  const text = given.value('d');
  if (like !== undefined) return needEntry(context, like).entry.mtime;
  if (text === undefined) return context.machine.seconds();
  const seconds = text.startsWith('@') ? Number(text.slice(1)) : Date.parse(text) / 1000;
  if (!Number.isFinite(seconds)) throw new ToolError(`invalid date format '${text}'`);
  return Math.floor(seconds);
}

const touch: Tool = {
  run: (context) => {
    const given = parseOptions(context.args, 'acmhd:t:r:', {
      date: 'd',
      reference: 'r',
      'no-create': 'c',
      'no-dereference': 'h',
    });
    const mtime = touchTime(context, given);
    return forEach(
      context,
      given.rest,
      (name) => {
        const path = context.path(name, given.flags.has('h'));
        const present = context.files.get(path);
        if (!present && given.flags.has('c')) return;
        if (present && present.type !== 'file') context.files.put(path, { ...present, mtime });
        else context.files.edit(path, 0o666 & ~context.umask).mtime = mtime;
      },
      'cannot touch ',
    );
  },
};

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

function idOf(context: ToolContext, file: string, name: string): string {
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

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const mktemp: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'dqutp:', { directory: 'd', tmpdir: 'p' });
    const folder = value('p') ?? context.environment.get('TMPDIR') ?? '/tmp';
    const given = rest[0] ?? 'tmp.XXXXXXXXXX';
    const template = given.includes('/') && !flags.has('t') ? given : joinPath(folder, given);
    const fill = (): string =>
      template.replaceAll(
        /X(?=X*$|X*[^X/]*$)/g,
        () => alphabet[Math.floor(Math.random() * alphabet.length)] as string,
      );
    const path = context.path(fill());
    const mtime = context.machine.seconds();
    if (!flags.has('u'))
      context.files.put(
        path,
        flags.has('d') ? { type: 'dir', mode: 0o700, mtime } : { type: 'file', mode: 0o600, mtime, data: '' },
      );
    await context.out(`${path}\n`);
    return 0;
  },
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

const install: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'dDm:o:g:vpt:', { directory: 'd', mode: 'm' });
    const mode = parseMode(value('m') ?? '755', 0, flags.has('d'));
    const [user, group] = [value('o'), value('g')];
    const owner =
      user === undefined && group === undefined
        ? {}
        : {
            owner: `${idOf(context, '/etc/passwd', user ?? '0')}:${idOf(context, '/etc/group', group ?? '0')}`,
          };
    const mtime = context.machine.seconds();
    const makeAll = (path: string): void => {
      if (context.files.get(path)) return;
      makeAll(parentOf(path));
      context.files.put(path, { type: 'dir', mode: 0o755, mtime });
    };
    if (flags.has('d')) {
      for (const name of rest) {
        const path = context.path(name);
        makeAll(path);
        context.files.put(path, { type: 'dir', mode, mtime, ...owner });
      }
      return 0;
    }
    const target = value('t') ?? rest.at(-1) ?? '';
    const sources = value('t') === undefined ? rest.slice(0, -1) : rest;
    return forEach(
      context,
      sources,
      (name) => {
        const data = name === '/dev/null' ? '' : context.files.read(context.path(name));
        const place = targetOf(context, context.path(name), target, true);
        if (flags.has('D')) makeAll(parentOf(place));
        context.files.put(place, { type: 'file', mode, mtime, data, ...owner });
      },
      'cannot stat ',
    );
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

export const fileTools: Readonly<Record<string, Tool>> = {
  basename,
  chgrp: owning(true),
  chmod,
  chown: owning(false),
  cp,
  df,
  dirname,
  du,
  install,
  ln,
  ls,
  mkdir,
  mktemp,
  mv,
  readlink,
  realpath,
  rm,
  rmdir,
  stat,
  touch,
};
