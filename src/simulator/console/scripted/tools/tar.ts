/** tar: ustar archives of files, directories and links, with gzip. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Entry, FileError, joinPath, parentOf, reasons } from '../files.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const blockBytes = 512;
const nameBytes = 100;
const permissions = 0o7777;
const [fileType, linkType, directoryType, longName, longLink] = ['0', '2', '5', 'L', 'K'];

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
const field = (text: string, width: number): string => text.slice(0, width).padEnd(width, '\0');
const padded = (data: string): string => data.padEnd(Math.ceil(data.length / blockBytes) * blockBytes, '\0');

function header(name: string, entry: Entry, type: string, size: number, link: string): string {
  const [uid = '0', gid = '0'] = (entry.owner ?? '0:0').split(':');
  const numbers =
    octal(entry.mode & permissions, 8) +
    octal(Number(uid), 8) +
    octal(Number(gid), 8) +
    octal(size, 12) +
    octal(entry.mtime, 12);
  const start = field(name, nameBytes) + numbers;
  const rest = `${type}${field(link, nameBytes)}ustar\x0000${field('root', 32)}${field('root', 32)}`;
  const blank = `${start}        ${rest}`.padEnd(blockBytes, '\0');
  let sum = 0;
  for (let at = 0; at < blank.length; at += 1) sum += blank.charCodeAt(at);
  return `${start}${sum.toString(8).padStart(6, '0')}\0 ${rest}`.padEnd(blockBytes, '\0');
}

function member(name: string, entry: Entry): string {
  const link = entry.type === 'link' ? (entry.data ?? '') : '';
  const data = entry.type === 'file' ? (entry.data ?? '') : '';
  const long = (text: string, type: string): string =>
    text.length < nameBytes
      ? ''
      : header('././@LongLink', entry, type, text.length + 1, '') + padded(`${text}\0`);
  const type = entry.type === 'dir' ? directoryType : entry.type === 'link' ? linkType : fileType;
  return (
    long(name, longName as string) +
    long(link, longLink as string) +
    header(name, entry, type as string, data.length, link) +
    padded(data)
  );
}

/** A member of an archive. */
interface Member {
  readonly name: string;
  readonly entry: Entry;
}

const textAt = (archive: string, at: number, width: number): string =>
  archive.slice(at, at + width).replace(/\0.*$/s, '');

function readArchive(archive: string): Member[] {
  const members: Member[] = [];
  let nextName: string | undefined;
  let nextLink: string | undefined;
  for (let at = 0; at + blockBytes <= archive.length; ) {
    if (archive[at] === '\0') break;
    if (archive.slice(at + 257, at + 262) !== 'ustar')
      throw new ToolError('This does not look like a tar archive', 2);
    const size = Number.parseInt(textAt(archive, at + 124, 12).trim() || '0', 8);
    const type = archive[at + 156] ?? fileType;
    const data = archive.slice(at + blockBytes, at + blockBytes + size);
    const prefix = textAt(archive, at + 345, 155);
    const name =
      nextName ??
      (prefix === '' ? textAt(archive, at, nameBytes) : `${prefix}/${textAt(archive, at, nameBytes)}`);
    const link = nextLink ?? textAt(archive, at + 157, nameBytes);
    const headerAt = at;
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
    if (type === longName || type === longLink) {
      if (type === longName) nextName = data.replace(/\0$/, '');
      else nextLink = data.replace(/\0$/, '');
      continue;
    }
    if (type === 'x' || type === 'g') {
      nextName = /\d+ path=([^\n]*)\n/.exec(data)?.[1] ?? nextName;
      continue;
    }
    const numberAt = (offset: number, width: number): number =>
      Number.parseInt(textAt(archive, headerAt + offset, width).trim() || '0', 8);
    const base = {
      mode: numberAt(100, 8) & permissions,
      mtime: numberAt(136, 12),
      owner: `${numberAt(108, 8)}:${numberAt(116, 8)}`,
    };
    if (type === directoryType) members.push({ name, entry: { type: 'dir', ...base } });
    else if (type === linkType) members.push({ name, entry: { type: 'link', ...base, data: link } });
    else members.push({ name, entry: { type: 'file', ...base, data } });
    nextName = undefined;
    nextLink = undefined;
  }
  return members;
}

const isGzip = (text: string): boolean => text.startsWith('\x1f\x8b');

function collect(
  context: ToolContext,
  names: readonly string[],
  folder: string,
  excluded: readonly string[],
): string {
  let archive = '';
  for (const name of names) {
    const top = context.files.resolve(name, folder, true);
    if (!context.files.get(top)) throw new ToolError(`${name}: Cannot stat: ${reasons.missing}`, 2);
    for (const path of context.files.walk(top)) {
      const entry = context.files.get(path) as Entry;
      const shown = (name.replace(/(?!^)\/$/, '') + path.slice(top === '/' ? 0 : top.length)).replace(
        /^\/+/,
        '',
      );
      if (excluded.some((pattern) => shown === pattern || shown.endsWith(`/${pattern}`))) continue;
      archive += member(entry.type === 'dir' ? `${shown || '.'}/` : shown, entry);
    }
  }
  return archive + '\0'.repeat(blockBytes * 2);
}

function unpack(
  context: ToolContext,
  members: readonly Member[],
  folder: string,
  wanted: readonly string[],
  strip: number,
): string[] {
  const { files } = context;
  const done: string[] = [];
  const makeParents = (path: string): void => {
    if (files.get(path)) return;
    makeParents(parentOf(path));
    files.put(path, { type: 'dir', mode: 0o755, mtime: context.machine.seconds() });
  };
  for (const { name, entry } of members) {
    const clean = name.replace(/\/$/, '').replace(/^(?:\.\/|\/)+/, '');
    if (
      wanted.length > 0 &&
      !wanted.some(
        (each) => clean === each.replace(/^\.\//, '') || clean.startsWith(`${each.replace(/^\.\//, '')}/`),
      )
    )
      continue;
    const rest = clean.split('/').slice(strip).join('/');
    const path = rest === '' || rest === '.' ? folder : files.resolve(joinPath(folder, rest), '/', true);
    if (path !== folder && !path.startsWith(folder === '/' ? '/' : `${folder}/`))
      throw new FileError(name, "Member name contains '..'");
    makeParents(parentOf(path));
    const present = files.get(path);
    if (present?.type === 'dir' && entry.type === 'dir') files.put(path, { ...present, mode: entry.mode });
    else if (path !== folder) {
      if (present) files.remove(path);
      files.put(path, entry);
    }
    done.push(name);
  }
  return done;
}

const tar: Tool = {
  run: async (context) => {
    const [first = '', ...others] = context.args;
    // The first word may have its letters without a minus sign.
    const args = first.startsWith('-') ? context.args : [`-${first}`, ...others];
    const { flags, values, rest, value } = parseOptions(args, 'cxtzvpmhoOf:C:X:T:e:s:', {
      create: 'c',
      extract: 'x',
      get: 'x',
      list: 't',
      gzip: 'z',
      file: 'f',
      directory: 'C',
      'same-permissions': 'p',
      'preserve-permissions': 'p',
      'numeric-owner': 'o',
      'no-same-owner': 'm',
      'same-owner': 'm',
      exclude: 'e',
      'strip-components': 's',
      dereference: 'h',
      'no-recursion': 'm',
      'to-stdout': 'O',
    });
    const folder = context.path(value('C') ?? '.');
    const file = value('f') ?? '-';
    const told = (text: string): Promise<void> =>
      flags.has('v')
        ? file === '-' && flags.has('c')
          ? context.err(text)
          : context.out(text)
        : Promise.resolve();
    if (flags.has('c')) {
      const list = value('T');
      const names = list === undefined ? rest : [...rest, ...(await readNames(context, list))];
      if (names.length === 0) throw new ToolError('Cowardly refusing to create an empty archive', 2);
      const archive = collect(context, names, folder, values.get('e') ?? []);
      const text = flags.has('z') ? gzipSync(Buffer.from(archive, 'latin1')).toString('latin1') : archive;
      await told(names.map((name) => `${name}\n`).join(''));
      if (file === '-') await context.out(text);
      else {
        const target = context.open(file, '>');
        await target.write(text, context.process.signal);
        target.release();
      }
      return 0;
    }
    const stream = context.open(file);
    const raw = await context.readAll(stream);
    stream.release();
    const members = readArchive(
      isGzip(raw) ? gunzipSync(Buffer.from(raw, 'latin1')).toString('latin1') : raw,
    );
    if (flags.has('t')) {
      await context.out(members.map(({ name }) => `${name}\n`).join(''));
      return 0;
    }
    if (!flags.has('x')) throw new ToolError("You must specify one of the '-Acdtrux' options", 2);
    if (flags.has('O')) {
      for (const { name, entry } of members)
        if (rest.length === 0 || rest.includes(name)) await context.out(entry.data ?? '');
      return 0;
    }
    if (context.files.get(folder)?.type !== 'dir')
      throw new ToolError(`${value('C')}: Cannot open: ${reasons.missing}`, 2);
    const done = unpack(context, members, folder, rest, Number(value('s') ?? 0));
    await told(done.map((name) => `${name}\n`).join(''));
    return 0;
  },
};

async function readNames(context: ToolContext, list: string): Promise<string[]> {
  const stream = context.open(list);
  const text = await context.readAll(stream);
  stream.release();
  return text.split('\n').filter((name) => name !== '');
}

export const tarTools: Readonly<Record<string, Tool>> = { tar };
