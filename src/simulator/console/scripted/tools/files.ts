/** Programs that make, move and remove files. */
import { baseName, type Entry, FileError, joinPath, parentOf, reasons } from '../files.ts';
import { forEach, needEntry } from './file-common.ts';
import { idOf, parseMode } from './modes.ts';
import { type ParsedOptions, parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

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

export const fileTools: Readonly<Record<string, Tool>> = {
  cp,
  install,
  ln,
  mkdir,
  mktemp,
  mv,
  rm,
  rmdir,
  touch,
};
