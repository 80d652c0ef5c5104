/**
 * Files and folders in and out of a container, as a tar stream through its shell. Whether a copy is whole is decided by
 * the checksum of the whole stream, made at both ends, beside those of its blocks.
 */
import { createHash } from 'node:crypto';
import { lstat, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { PvefleetError } from '../util/errors.ts';
import { TransferError } from './errors.ts';
import { pack } from './pack.ts';
import { createPlainReader, listScript } from './plain-archive.ts';
import { type RunOptions, runCommand } from './run-command.ts';
import type { Shell } from './shell.ts';
import { unpack } from './unpack.ts';

/** Something cannot be copied the way it was asked for. */
class CopyError extends PvefleetError {
  override readonly code = 'COPY_FAILED';
  override readonly exitCode = 5;
}

/** What copies tell while they go on. */
export interface CopyOptions {
  /** Told how many bytes of the stream have gone over. */
  readonly onProgress?: (bytes: number) => void;
  /** Told about what is neither file nor folder nor link. */
  readonly onSkip?: (path: string) => void;
  readonly interrupt?: AbortSignal;
}

/** One source that was copied. */
export interface Copied {
  readonly from: string;
  /** Where it is now. */
  readonly to: string;
  /** Of content. */
  readonly bytes: number;
  /** Of the stream that went over, the same at both ends: `sha256:…`. */
  readonly digest: string;
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of ours; its output is small. */
async function ask(
  shell: Shell,
  script: string,
  args: readonly string[],
  options: Pick<RunOptions, 'interrupt'> = {},
): Promise<Ended> {
  const out = { stdout: '', stderr: '' };
  const { exitCode } = await runCommand(
    shell,
    { argv: ['sh', '-c', script, 'sh', ...args], cwd: '/' },
    {
      ...options,
      onOutput: (stream, bytes) => {
        out[stream] += Buffer.from(bytes).toString();
      },
    },
  );
  return { exitCode, ...out };
}

const lastOf = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** Tells of each argument what it is, and whether there is tar: `d`, `f`, `n`, one a line, then `tar` or `no`. */
const lookScript = `for y; do
  if [ -d "$y" ]; then echo d; elif [ -e "$y" ] || [ -L "$y" ]; then echo f; else echo n; fi
done
if command -v tar >/dev/null 2>&1; then echo tar; else echo no; fi`;

interface Look {
  readonly kinds: readonly string[];
  readonly hasTar: boolean;
}

async function look(shell: Shell, paths: readonly string[]): Promise<Look> {
  const { stdout, stderr, exitCode } = await ask(shell, lookScript, paths);
  const lines = stdout.trim().split('\n');
  if (exitCode !== 0 || lines.length !== paths.length + 1)
    throw new CopyError(`cannot look into the container: ${lastOf(stderr)}`);
  return { kinds: lines.slice(0, -1), hasTar: lines.at(-1) === 'tar' };
}

/** What a target means when it is named as cp takes it: a folder that is there is copied into. */
interface Target {
  readonly folder: string;
  readonly name: string;
}

function targetOf(target: string, isFolder: boolean, source: string, isOnly: boolean): Target {
  if (isFolder || target.endsWith('/')) return { folder: target, name: basename(source) };
  if (!isOnly) throw new CopyError(`several sources need a folder as target, and ${target} is none`);
  return { folder: posix.dirname(target), name: posix.basename(target) };
}

/**
 * Unpacks its input below a folder. The input is a file, so it is read twice: for the checksum, then for its content.
 * Arguments: tool, checksum, folder, `1` to make the folder, where in the input the script of pack.ts is, `tar` or `no`.
 */
const unpackScript = `k=$1 want=$2 folder=$3
[ "$4" = 0 ] || mkdir -p "$folder" || exit
cd "$folder" 2>/dev/null || { echo "there is no folder $folder" >&2; exit 1; }
exec 9<&0
set -- "$5" "$6" "$7" $($k </proc/self/fd/9)
[ "$4" = "$want" ] || { echo "the copy arrived damaged" >&2; exit 1; }
if [ "$3" = tar ]; then tar -xpof - || exit; fi
[ "$2" = 0 ] || eval "$(dd bs=512 skip="$1" count="$2" </proc/self/fd/9 2>/dev/null)"`;

async function copyOneIn(
  shell: Shell,
  path: string,
  target: Target,
  { hasTar, makeFolder }: { hasTar: boolean; makeFolder: boolean },
  options: CopyOptions,
): Promise<Copied> {
  const { folder, name } = target;
  const packed = pack({ path, name, onSkip: (skipped) => options.onSkip?.(skipped) });
  // the tool is known since the container was looked at
  const algorithm = shell.digestTool.replace(/sum$/, '');
  const hash = createHash(algorithm);
  let bytes = 0;
  let script: readonly [first: string, count: string] = ['', ''];
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of packed) {
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
    const text = Buffer.from(packed.unpackScript(hasTar));
    const blocks = Math.ceil(text.length / 512);
    const padded = Buffer.concat([text, Buffer.alloc(blocks * 512 - text.length, '\n')]);
    script = [String(bytes / 512), String(blocks)];
    hash.update(padded);
    yield padded;
  };
  let digest = '';
  let stderr = '';
  const { exitCode } = await runCommand(
    shell,
    () => {
      digest = hash.digest('hex');
      const args = [
        shell.digestTool,
        digest,
        folder,
        makeFolder ? '1' : '0',
        ...script,
        hasTar ? 'tar' : 'no',
      ];
      return { argv: ['sh', '-c', unpackScript, 'sh', ...args], cwd: '/' };
    },
    {
      stdin: stream(),
      ...(options.interrupt ? { interrupt: options.interrupt } : {}),
      onSent: (sent) => options.onProgress?.(Math.min(sent, bytes)),
      onOutput: (which, piece) => {
        if (which === 'stderr') stderr += Buffer.from(piece).toString();
      },
    },
  );
  const to = posix.join(folder, name);
  if (exitCode !== 0) throw new CopyError(`cannot write ${to} in the container: ${lastOf(stderr)}`);
  return { from: path, to, bytes: packed.contentBytes, digest: `${algorithm}:${digest}` };
}

/**
 * Copies files and folders of this machine into a container, as `cp -a` does without owners: everything there belongs to
 * root.
 *
 * @param shell - of the container; not closed.
 * @param sources - absolute paths of this machine.
 * @param target - absolute path in the container. A folder that is there, or a path that ends with a slash, is copied
 *   into; else the one source gets that name.
 * @param options - progress, interruption.
 * @returns where everything is.
 * @throws {@link CopyError} when something is not there or cannot be written, {@link TransferError} when it does not
 *   arrive.
 */
export async function copyIn(
  shell: Shell,
  sources: readonly string[],
  target: string,
  options: CopyOptions = {},
): Promise<Copied[]> {
  const { kinds, hasTar } = await look(shell, [target]);
  const isFolder = kinds[0] === 'd';
  if (kinds[0] === 'f' && target.endsWith('/'))
    throw new CopyError(`${target} is not a folder in the container`);
  const targets = sources.map((source) => targetOf(target, isFolder, source, sources.length === 1));
  const makeFolder = target.endsWith('/') && !isFolder;
  const copied: Copied[] = [];
  for (const [index, source] of sources.entries()) {
    options.interrupt?.throwIfAborted();
    const place = targets[index] as Target;
    copied.push(await copyOneIn(shell, source, place, { hasTar, makeFolder }, options));
  }
  return copied;
}

async function copyOneOut(
  shell: Shell,
  path: string,
  target: Target,
  hasTar: boolean,
  options: CopyOptions,
): Promise<Copied> {
  const { folder, name } = target;
  const [parent, own] = [posix.dirname(path), posix.basename(path)];
  const onSkip = (skipped: string): void => options.onSkip?.(skipped);
  const unpacker = await unpack({ folder, from: own, name, onSkip });
  const plain = hasTar ? undefined : createPlainReader(onSkip);
  const algorithm = shell.digestTool.replace(/sum$/, '');
  const hash = createHash(algorithm);
  let bytes = 0;
  let stderr = '';
  const argv = hasTar
    ? // a pattern of names would be one for GNU tar only when reading
      ['tar', '-C', parent, '-cf', '-', `./${own}`]
    : ['sh', '-c', listScript, 'sh', parent, own];
  const { exitCode, digest } = await runCommand(
    shell,
    { argv, cwd: '/' },
    {
      wantsDigest: true,
      ...(options.interrupt ? { interrupt: options.interrupt } : {}),
      onOutput: async (which, piece) => {
        if (which === 'stderr') {
          stderr += Buffer.from(piece).toString();
          return;
        }
        bytes += piece.length;
        hash.update(piece);
        options.onProgress?.(bytes);
        for (const part of plain ? plain.push(piece) : [piece]) await unpacker.write(part);
      },
    },
  );
  if (exitCode !== 0) throw new CopyError(`cannot read ${path} in the container: ${lastOf(stderr)}`);
  const digestHere = hash.digest('hex');
  if (digestHere !== digest)
    throw new TransferError(`${path} arrived damaged: its checksum here is another one`);
  if (plain) await unpacker.write(plain.end());
  await unpacker.end();
  return {
    from: path,
    to: join(folder, name),
    bytes: unpacker.contentBytes,
    digest: `${algorithm}:${digestHere}`,
  };
}

async function isLocalFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Copies files and folders out of a container. They belong to who runs this; nothing is written outside of the target.
 *
 * @param shell - of the container; not closed.
 * @param sources - absolute paths in the container.
 * @param target - absolute path of this machine, meant as for {@link copyIn}.
 * @param options - progress, interruption.
 * @returns where everything is.
 * @throws {@link CopyError} when something is not there or cannot be read, {@link TransferError} when it does not arrive
 *   whole or is refused.
 */
export async function copyOut(
  shell: Shell,
  sources: readonly string[],
  target: string,
  options: CopyOptions = {},
): Promise<Copied[]> {
  const paths = sources.map((source) => posix.normalize(source).replace(/(?<=.)\/$/, ''));
  if (paths.includes('/')) throw new CopyError('name a file or a folder: / as a whole is not copied');
  const { kinds, hasTar } = await look(shell, paths);
  const missing = paths.find((_, index) => kinds[index] === 'n');
  if (missing !== undefined) throw new CopyError(`there is no ${missing} in the container`);
  const isFolder = await isLocalFolder(target);
  const copied: Copied[] = [];
  for (const source of paths) {
    options.interrupt?.throwIfAborted();
    const place = targetOf(target, isFolder, source, sources.length === 1);
    const folder = isFolder || target.endsWith('/') ? target : dirname(target);
    if (!target.endsWith('/') && !(await isLocalFolder(folder)))
      throw new CopyError(`there is no folder ${folder} here`);
    copied.push(await copyOneOut(shell, source, { folder, name: place.name }, hasTar, options));
  }
  return copied;
}

/**
 * Makes sure that a source of this machine is there.
 *
 * @param path - absolute path.
 * @throws {@link CopyError} when it is not.
 */
export async function checkSource(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CopyError(`there is no ${path} here`, { cause: error });
  }
}
