/**
 * The files of a simulated container: what its distribution brings, and over it what was changed, which is part of the
 * state. Bytes are Latin-1 characters of strings, so that the state stays JSON. Permissions are kept, not enforced:
 * everybody here is root.
 */
import type { SimFile, SimInside } from '../../model/state.ts';

/** A file, directory or link. */
export type Entry = Readonly<SimFile>;

/** What a system call fails with. */
export class FileError extends Error {
  /** Text of strerror. */
  readonly reason: string;
  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.reason = reason;
  }
}

export const reasons = {
  missing: 'No such file or directory',
  exists: 'File exists',
  isDirectory: 'Is a directory',
  notDirectory: 'Not a directory',
  notEmpty: 'Directory not empty',
  loop: 'Too many levels of symbolic links',
  denied: 'Permission denied',
  readOnly: 'Read-only file system',
} as const;

/** What the distribution brings; `virtual` entries are made when they are looked at, and cannot be changed. */
export interface BaseFiles {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly virtual: ReadonlyMap<string, () => string>;
}

export interface FileSystem {
  /** Absolute path without `.`, `..`, and links on the way; the last part may be missing or, with `keepLink`, a link. */
  resolve(path: string, cwd: string, keepLink?: boolean): string;
  /** Entry at a resolved path. */
  get(path: string): Entry | undefined;
  /** Names in a directory, sorted. */
  list(path: string): string[];
  /** Puts an entry; its directory must be there. */
  put(path: string, entry: Entry): void;
  /** Content of a file. */
  read(path: string): string;
  /** The file itself, to be changed; made with `mode` when it is missing. */
  edit(path: string, mode: number): SimFile;
  /** The content of a file that is being edited has changed. */
  touched(file: SimFile): void;
  remove(path: string): void;
  /** Moves an entry with everything in it. */
  rename(from: string, to: string): void;
  /** Everything at and below a path, parents first. */
  walk(path: string): string[];
}

const maxLinks = 16;

/** The directory of a path. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Appends a name to a directory. */
export function joinPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/**
 * Makes the view of a container's files.
 *
 * @param inside - what was changed; changed further by this.
 * @param seconds - time for modification times, seconds since the epoch.
 */
export function createFileSystem(inside: SimInside, base: BaseFiles, seconds: () => number): FileSystem {
  const get = (path: string): Entry | undefined => {
    if (Object.hasOwn(inside.files, path)) return inside.files[path] ?? undefined;
    const virtual = base.virtual.get(path);
    if (virtual) return { type: 'file', mode: 0o444, mtime: seconds(), data: virtual() };
    return base.entries.get(path);
  };
  const resolve = (path: string, cwd: string, keepLink = false): string => {
    let parts = (path.startsWith('/') ? path : `${cwd}/${path}`).split('/').reverse();
    let at = '/';
    let links = 0;
    while (parts.length > 0) {
      const part = parts.pop() as string;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        at = parentOf(at);
        continue;
      }
      const next = joinPath(at, part);
      const entry = get(next);
      const isLast = parts.every((rest) => rest === '' || rest === '.');
      if (entry?.type === 'link' && !(isLast && keepLink)) {
        links += 1;
        if (links > maxLinks) throw new FileError(path, reasons.loop);
        const target = entry.data ?? '';
        if (target.startsWith('/')) at = '/';
        parts = [...parts, ...target.split('/').reverse()];
        continue;
      }
      if (!isLast && entry && entry.type !== 'dir') throw new FileError(path, reasons.notDirectory);
      at = next;
    }
    return at;
  };
  const paths = (): Set<string> =>
    new Set([...base.entries.keys(), ...base.virtual.keys(), ...Object.keys(inside.files)]);
  const walk = (path: string): string[] => {
    const below = path === '/' ? '/' : `${path}/`;
    return [...paths()]
      .filter((candidate) => (candidate === path || candidate.startsWith(below)) && get(candidate))
      .sort();
  };
  const list = (path: string): string[] => {
    const below = path === '/' ? '/' : `${path}/`;
    const names: string[] = [];
    for (const candidate of paths()) {
      if (candidate === '/' || !candidate.startsWith(below)) continue;
      const name = candidate.slice(below.length);
      if (name !== '' && !name.includes('/') && get(candidate)) names.push(name);
    }
    return names.sort();
  };
  const needParent = (path: string): void => {
    const parent = get(parentOf(path));
    if (!parent) throw new FileError(path, reasons.missing);
    if (parent.type !== 'dir') throw new FileError(path, reasons.notDirectory);
    if (path.startsWith('/proc/') || path.startsWith('/sys/')) throw new FileError(path, reasons.denied);
  };
  const put = (path: string, entry: Entry): void => {
    needParent(path);
    inside.files[path] = { ...entry };
  };
  const forget = (path: string): void => {
    if (base.entries.has(path) || base.virtual.has(path)) inside.files[path] = null;
    else delete inside.files[path];
  };
  return {
    resolve,
    get,
    list,
    put,
    walk,
    read: (path) => {
      const entry = get(path);
      if (!entry) throw new FileError(path, reasons.missing);
      if (entry.type === 'dir') throw new FileError(path, reasons.isDirectory);
      return entry.data ?? '';
    },
    edit: (path, mode) => {
      const own = Object.hasOwn(inside.files, path) ? inside.files[path] : undefined;
      const present = own ?? get(path);
      if (present?.type === 'dir') throw new FileError(path, reasons.isDirectory);
      needParent(path);
      if (own) return own;
      const file: SimFile = present
        ? { ...present, mtime: seconds() }
        : { type: 'file', mode, mtime: seconds(), data: '' };
      inside.files[path] = file;
      return file;
    },
    touched: (file) => {
      file.mtime = seconds();
    },
    remove: (path) => {
      if (path.startsWith('/proc/') || path.startsWith('/sys/')) throw new FileError(path, reasons.denied);
      for (const candidate of walk(path)) forget(candidate);
    },
    rename: (from, to) => {
      needParent(to);
      const moved = walk(from).map((path) => [path, get(path) as Entry] as const);
      for (const [path] of moved) forget(path);
      for (const [path, entry] of moved) inside.files[to + path.slice(from.length)] = entry;
    },
  };
}
