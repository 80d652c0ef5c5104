/**
 * Unpacks a tar stream that comes from a container, so from somebody who is not trusted: nothing is written outside of the
 * one place that was named, nothing is written through a link, and no entry gets special bits or owners.
 */
import { chmod, lstat, mkdir, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { extract, type ReadEntry } from 'tar';
import { messageOf } from '../util/errors.ts';
import { TransferError } from './errors.ts';

/** Where to unpack, and under which name. */
export interface UnpackOptions {
  /** Folder that exists; absolute. */
  readonly folder: string;
  /** First component of each name in the archive. */
  readonly from: string;
  /** What it is called here: one component. */
  readonly name: string;
  /** Told about what cannot be unpacked: pipes, devices. */
  readonly onSkip: (path: string) => void;
}

/** Takes the archive piece by piece. */
export interface Unpacker {
  write(bytes: Uint8Array): Promise<void>;
  /** Bytes of content so far. */
  readonly contentBytes: number;
  /** Waits until all is on the disk. */
  end(): Promise<void>;
}

const plainTypes: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile', 'Directory', 'Link']);

interface PendingLink {
  readonly path: string;
  readonly target: string;
}

/** A folder gets its mode and time last: what is written into it needs the one and changes the other. */
interface PendingFolder {
  readonly path: string;
  readonly mode: number;
  readonly mtime: Date | undefined;
}

/** The name here of an entry. Everything that is not plainly below the expected name is an attack, or not our archive. */
function nameHere(path: string, { from, name }: UnpackOptions): string {
  const parts = path.replace(/^\.\//, '').replace(/\/$/, '').split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain || parts[0] !== from || path.includes('\0')) {
    throw new TransferError(`refused: the archive has an entry '${path}' outside of '${from}'`, {
      hint: 'the container may have been tampered with',
    });
  }
  return [name, ...parts.slice(1)].join('/');
}

/** Makes a link, but not through a link, and not in place of a folder. */
async function makeLink(folder: string, { path, target }: PendingLink): Promise<void> {
  let parent = folder;
  for (const part of dirname(path)
    .split('/')
    .filter((one) => one !== '.')) {
    parent = join(parent, part);
    const stat = await lstat(parent);
    if (!stat.isDirectory()) throw new TransferError(`refused: '${path}' would be written through a link`);
  }
  const place = join(folder, path);
  const there = await lstat(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there?.isDirectory())
    throw new TransferError(`'${place}' is a folder here and a link in the container`);
  if (there) await rm(place);
  await symlink(target, place);
}

/**
 * Starts unpacking.
 *
 * @param options - where and under which name.
 * @returns takes the archive; both of its functions throw {@link TransferError} for an archive that is refused, and for
 *   files that cannot be written.
 */
export async function unpack(options: UnpackOptions): Promise<Unpacker> {
  const { folder, onSkip } = options;
  await mkdir(folder, { recursive: true });
  const links: PendingLink[] = [];
  const folders: PendingFolder[] = [];
  let failure: Error | undefined;
  let contentBytes = 0;
  const stream = extract({
    cwd: folder,
    strict: true,
    // exactly the modes of the archive
    chmod: true,
    processUmask: 0,
    preserveOwner: false,
    filter: (path, entry) => {
      if (failure) return false;
      const read = entry as ReadEntry;
      const type = String(read.type);
      try {
        read.path = nameHere(path, options);
        if (type === 'Link') read.linkpath = nameHere(read.linkpath ?? '', options);
      } catch (error) {
        failure = error as Error;
        return false;
      }
      if (type === 'SymbolicLink') {
        links.push({ path: read.path, target: read.linkpath ?? '' });
        return false;
      }
      if (read.mode !== undefined) read.mode &= 0o777;
      if (type === 'Directory')
        folders.push({ path: read.path, mode: read.mode ?? 0o755, mtime: read.mtime });
      if (!plainTypes.has(type)) onSkip(read.path);
      else if (type !== 'Directory' && type !== 'Link') contentBytes += read.size;
      return plainTypes.has(type);
    },
  });
  const ended = new Promise<void>((resolve) => {
    stream.on('error', (error: Error) => {
      failure ??= error;
      resolve();
    });
    stream.on('close', () => resolve());
  });
  const check = (): void => {
    if (!failure) return;
    throw failure instanceof TransferError
      ? failure
      : new TransferError(`cannot unpack: ${messageOf(failure)}`, { cause: failure });
  };
  return {
    get contentBytes() {
      return contentBytes;
    },
    async write(bytes) {
      check();
      const isFree = stream.write(Buffer.from(bytes));
      if (!isFree) {
        const drained = new Promise<void>((resolve) => {
          stream.once('drain', () => resolve());
        });
        await Promise.race([drained, ended]);
      }
      check();
    },
    async end() {
      stream.end();
      await ended;
      check();
      for (const link of links) await makeLink(folder, link);
      for (const { path, mode, mtime } of folders.toReversed()) {
        const place = join(folder, path);
        if (mtime) await utimes(place, mtime, mtime);
        await chmod(place, mode);
      }
    },
  };
}
