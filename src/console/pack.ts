/**
 * Files of this machine as a tar stream, and the script that unpacks that very stream where there is no tar. Reads files,
 * knows nothing of consoles.
 */
import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { create, type WriteEntry } from 'tar';
import { quote } from './quote.ts';

/** A file or folder and what it is to be called at the other end. */
export interface PackOptions {
  /** Absolute path; symbolic links are packed as links, also this one. */
  readonly path: string;
  /** Name at the other end: one component. */
  readonly name: string;
  /** Told about what cannot be packed: sockets, pipes, devices. */
  readonly onSkip: (path: string) => void;
}

/** A tar stream that comes piece by piece. */
export interface Packed extends AsyncIterable<Uint8Array> {
  /**
   * Gives, once the stream has been read, the script that unpacks it in the current folder with nothing but dd, or, where
   * tar has done that, only gives the folders their modes and times. (busybox sets them before it writes into them.)
   *
   * @param isUnpacked - tar has done its part.
   * @returns lines of POSIX sh for which descriptor 9 is the stream as a file.
   */
  unpackScript(isUnpacked: boolean): string;
  /** Bytes of content so far. */
  readonly contentBytes: number;
}

const blockSize = 512;

/** Walks the headers of a tar stream: tells at which block the content of each entry starts. */
function createHeaderWalker(): { push(bytes: Uint8Array): void; readonly starts: readonly number[] } {
  const starts: number[] = [];
  let header = Buffer.alloc(0);
  let skip = 0;
  let at = 0;
  return {
    starts,
    push(bytes) {
      for (let from = 0; from < bytes.length; ) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - from);
          skip -= step;
          from += step;
          at += step;
          continue;
        }
        const step = Math.min(blockSize - header.length, bytes.length - from);
        header = Buffer.concat([header, bytes.subarray(from, from + step)]);
        from += step;
        at += step;
        if (header.length < blockSize) continue;
        const size = Number.parseInt(header.toString('latin1', 124, 136), 8) || 0;
        const type = header.toString('latin1', 156, 157);
        // x and g are headers for the entry that follows; zeros are the end of the archive
        if (type !== 'x' && type !== 'g' && header[0] !== 0) starts.push(at / blockSize);
        skip = Math.ceil(size / blockSize) * blockSize;
        header = Buffer.alloc(0);
      }
    },
  };
}

interface Listed {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly mtime: number;
  readonly size: number;
  readonly target: string;
}

const octal = (mode: number): string => (mode & 0o7777).toString(8);

function entryLine({ path, type, mode, mtime, size, target }: Listed, start: number): string {
  const name = quote(`./${path}`);
  if (type === 'Directory') return `d ${name} ${octal(mode)}`;
  if (type === 'SymbolicLink') return `l ${name} ${quote(target)}`;
  if (type === 'Link') return `h ${name} ${quote(`./${target}`)}`;
  return `f ${name} ${octal(mode)} ${mtime} ${start} ${size}`;
}

/** Times last, and folders' modes after their contents: writing into a folder changes its time, and may need its mode. */
const unpackFunctions = `set -e
umask 077
d() { [ -d "$1" ] && [ ! -L "$1" ] || mkdir "$1"; chmod 700 "$1"; }
l() { rm -f "$1"; ln -s "$2" "$1"; }
h() { rm -f "$1"; ln "$2" "$1"; }
f() {
  rm -f "$1"; : >"$1"
  [ $(($5/${blockSize})) = 0 ] || dd bs=${blockSize} skip=$4 count=$(($5/${blockSize})) </proc/self/fd/9 >"$1" 2>/dev/null
  [ $(($5%${blockSize})) = 0 ] || dd bs=1 skip=$(($4*${blockSize}+$5/${blockSize}*${blockSize})) count=$(($5%${blockSize})) </proc/self/fd/9 >>"$1" 2>/dev/null
  chmod "$2" "$1"; touch -d "@$3" "$1" 2>/dev/null || :
}`;

/**
 * Packs a file or folder.
 *
 * @param options - what, and under which name.
 * @returns the stream; it fails when a file cannot be read.
 */
export function pack(options: PackOptions): Packed {
  const { path, name, onSkip } = options;
  const cwd = dirname(path);
  const own = basename(path);
  const listed: Listed[] = [];
  const walker = createHeaderWalker();
  const renamed = (entry: string): string => name + entry.replace(/^\.\//, '').slice(own.length);
  const stream = create(
    {
      cwd,
      // a file that cannot be read must not be left out in silence
      strict: true,
      filter: (entry, stat) => {
        const isPlain = !('isFile' in stat) || stat.isFile() || stat.isDirectory() || stat.isSymbolicLink();
        if (!isPlain) onSkip(join(cwd, entry));
        return isPlain;
      },
      onWriteEntry: (entry: WriteEntry) => {
        entry.path = renamed(entry.path);
        const { stat, type } = entry;
        if (type === 'Link' && entry.linkpath !== undefined) entry.linkpath = renamed(entry.linkpath);
        if (!stat) return;
        // owners of this machine mean nothing over there
        stat.uid = 0;
        stat.gid = 0;
        listed.push({
          path: entry.path.replace(/\/$/, ''),
          type: String(type),
          mode: stat.mode,
          mtime: Math.floor(stat.mtimeMs / 1000),
          size: type === 'File' ? stat.size : 0,
          target: entry.linkpath ?? '',
        });
      },
    },
    [`./${own}`],
  );
  return {
    async *[Symbol.asyncIterator]() {
      for await (const bytes of stream) {
        walker.push(bytes);
        yield bytes;
      }
    },
    get contentBytes() {
      return listed.reduce((sum, { size }) => sum + size, 0);
    },
    unpackScript: (isUnpacked) => {
      const lines = listed.map((entry, index) => entryLine(entry, walker.starts[index] ?? 0));
      const folders = listed.filter(({ type }) => type === 'Directory').toReversed();
      const finish = folders.map(
        (entry) =>
          `chmod ${octal(entry.mode)} ${quote(`./${entry.path}`)}; touch -d @${entry.mtime} ${quote(`./${entry.path}`)} 2>/dev/null || :`,
      );
      return `${[...(isUnpacked ? [] : [unpackFunctions, ...lines]), ...finish].join('\n')}\n`;
    },
  };
}

/**
 * Measures what will be packed, for progress.
 *
 * @param path - file or folder.
 * @returns bytes of file content.
 */
export async function sizeOf(path: string): Promise<number> {
  const stat = await lstat(path);
  if (stat.isFile()) return stat.size;
  if (!stat.isDirectory()) return 0;
  let bytes = 0;
  for (const name of await readdir(path)) bytes += await sizeOf(join(path, name));
  return bytes;
}
