/** Redirections of commands: opened before them, and undone after them. What they name is opened in redirect.ts. */
import type { Engine } from './builtin.ts';
import { FileError } from './files.ts';
import { openRedirect } from './redirect.ts';
import { complain } from './shell-processes.ts';
import { misuse, type Shell } from './shell-state.ts';
import type { Stream } from './streams.ts';
import { expanderOf } from './subshell.ts';
import type { Redirect } from './syntax.ts';

/** Opens redirections over a table of descriptors; what restores it, or closes what was there before. */
export async function redirect(
  engine: Engine,
  shell: Shell,
  redirects: readonly Redirect[],
): Promise<{ readonly restore: () => void; readonly keep: () => void }> {
  const saved: (readonly [number, Stream | undefined])[] = [];
  const restore = (): void => {
    for (const [fd, stream] of saved.toReversed()) {
      shell.fds.get(fd)?.release();
      if (stream) shell.fds.set(fd, stream);
      else shell.fds.delete(fd);
    }
  };
  try {
    const expander = expanderOf(engine, shell);
    for (const { fd, operator, word } of redirects) {
      const target = await expander.text(word);
      const stream = openRedirect(shell, operator, target);
      saved.push([fd, shell.fds.get(fd)]);
      if (stream) shell.fds.set(fd, stream);
      else shell.fds.delete(fd);
    }
  } catch (error) {
    restore();
    throw error;
  }
  const keep = (): void => {
    for (const [, stream] of saved) stream?.release();
  };
  return { restore, keep };
}

/** Runs something with redirections; a target that cannot be opened is an error of the command alone. */
export async function redirected(
  engine: Engine,
  shell: Shell,
  redirects: readonly Redirect[],
  work: () => Promise<number>,
): Promise<number> {
  if (redirects.length === 0) return work();
  let restore: () => void;
  try {
    ({ restore } = await redirect(engine, shell, redirects));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const verb = error.reason === 'No such file or directory' ? 'cannot open' : 'cannot create';
    await complain(shell, shell.isInteractive ? error.message : `${verb} ${error.message}`);
    return shell.isInteractive ? 1 : misuse;
  }
  try {
    return await work();
  } finally {
    restore();
  }
}
