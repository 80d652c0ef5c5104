/** Opens what redirections name. */
import { FileError, reasons } from './files.ts';
import type { Machine } from './machine.ts';
import { endlessStream, fileStream, nullStream, type Stream, textStream } from './streams.ts';
import type { Redirect } from './syntax.ts';

const writable = 0o666;

/** Who opens. */
export interface Opener {
  readonly machine: Machine;
  readonly cwd: string;
  readonly umask: number;
  readonly fds: ReadonlyMap<number, Stream>;
}

const zeros = endlessStream((count) => '\0'.repeat(count));
const noise = endlessStream((count) =>
  Buffer.from(Array.from({ length: count }, () => Math.floor(Math.random() * 256))).toString('latin1'),
);

/** Devices by path; those of the opener's own descriptors are looked up there. */
const devices: Readonly<Record<string, Stream>> = {
  '/dev/null': nullStream,
  '/dev/zero': zeros,
  '/dev/urandom': noise,
  '/dev/random': noise,
};
const ownDescriptors: Readonly<Record<string, number>> = {
  '/dev/stdin': 0,
  '/dev/stdout': 1,
  '/dev/stderr': 2,
};

function device({ fds }: Opener, path: string): Stream | undefined {
  const own =
    ownDescriptors[path] ?? (/^\/(?:dev|proc\/self)\/fd\/([0-9]+)$/.exec(path)?.[1] as string | undefined);
  if (own !== undefined) {
    const stream = fds.get(Number(own));
    return stream?.reopen?.() ?? stream;
  }
  if (path === '/dev/tty') return [...fds.values()].find(({ terminal }) => terminal !== undefined);
  return Object.hasOwn(devices, path) ? devices[path] : undefined;
}

/**
 * Opens a file.
 *
 * @param how - `<` to read, `>` and `>>` to write.
 * @throws FileError when it cannot be opened.
 */
export function openFile(opener: Opener, name: string, how: '<' | '>' | '>>' | '<>'): Stream {
  const { machine, cwd, umask } = opener;
  const special = device(opener, name);
  if (special) return special.retain();
  if (name === '') throw new FileError('', reasons.missing);
  try {
    const path = machine.files.resolve(name, cwd);
    if (how === '<') return fileStream(machine.files, path, undefined, 0);
    const flags = { truncate: how === '>', append: how === '>>' };
    return fileStream(machine.files, path, flags, writable & ~umask);
  } catch (error) {
    // As it was named, not as it was found.
    throw error instanceof FileError ? new FileError(name, error.reason) : error;
  }
}

/**
 * Opens the target of a redirection.
 *
 * @param target - expanded.
 * @returns undefined when the descriptor is to be closed.
 * @throws FileError when it cannot be opened.
 */
export function openRedirect(
  opener: Opener,
  operator: Redirect['operator'],
  target: string,
): Stream | undefined {
  if (operator === '<<') return textStream(target);
  if (operator === '<&' || operator === '>&') {
    if (target === '-') return undefined;
    const stream = /^[0-9]+$/.test(target) ? opener.fds.get(Number(target)) : undefined;
    if (!stream) throw new FileError(target, 'Bad file descriptor');
    return stream.retain();
  }
  return openFile(opener, target, operator === '>|' ? '>' : operator);
}
