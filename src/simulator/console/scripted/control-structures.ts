/** What commands are made into: pipes, lists, jobs, loops and cases. */
import type { Engine } from './builtin.ts';
import { LoopJump } from './control.ts';
import type { Process } from './processes.ts';
import { inFront, print, waitFor } from './shell-processes.ts';
import { assign, copyFds, type Shell } from './shell-state.ts';
import { createPipe, nullStream, type Stream } from './streams.ts';
import { expanderOf, fork } from './subshell.ts';
import type { ListItem, Node } from './syntax.ts';

/** What does not stop at `set -e`: conditions, and all but the last of `&&` and `||`. */
export async function guarded(engine: Engine, shell: Shell, node: Node): Promise<number> {
  shell.guarded += 1;
  try {
    return await engine.run(shell, node);
  } finally {
    shell.guarded -= 1;
  }
}

export async function runLoop(work: () => Promise<boolean>): Promise<void> {
  for (;;) {
    try {
      if (!(await work())) return;
    } catch (error) {
      if (!(error instanceof LoopJump)) throw error;
      if (error.levels > 1) {
        error.levels -= 1;
        throw error;
      }
      if (error.isBreak) return;
    }
  }
}

export async function runPipe(
  engine: Engine,
  shell: Shell,
  node: Extract<Node, { kind: 'pipe' }>,
): Promise<number> {
  const { commands, negated } = node;
  const [only] = commands;
  let status: number;
  if (commands.length === 1 && only) status = await guarded(engine, shell, only);
  else {
    const isJob = shell.options.has('m');
    const started: Process[] = [];
    let input: Stream | undefined;
    for (const [index, command] of commands.entries()) {
      const fds = copyFds(shell.fds);
      const give = (fd: number, stream: Stream): void => {
        fds.get(fd)?.release();
        fds.set(fd, stream);
      };
      if (input) give(0, input);
      const pipe = index < commands.length - 1 ? createPipe() : undefined;
      if (pipe) give(1, pipe.output);
      input = pipe?.input;
      const options = { command: shell.process.command, newGroup: isJob && index === 0 };
      const process = fork(engine, shell, fds, options, (inner) => engine.run(inner, command));
      if (isJob && started[0]) process.group = started[0].group;
      started.push(process);
    }
    status = await inFront(shell, started[0]?.group ?? 0, () => waitFor(shell, started));
  }
  return negated ? (status === 0 ? 1 : 0) : status;
}

async function runBackground(engine: Engine, shell: Shell, node: Node): Promise<number> {
  const fds = copyFds(shell.fds);
  const isJob = shell.options.has('m');
  if (!isJob) {
    fds.get(0)?.release();
    fds.set(0, nullStream);
  }
  const process = fork(engine, shell, fds, { command: shell.process.command, newGroup: isJob }, (inner) => {
    if (!isJob) for (const signal of ['INT', 'QUIT']) inner.traps.set(signal, '');
    return engine.run(inner, node);
  });
  shell.lastBackground = process.pid;
  const number = Math.max(0, ...shell.jobs.map((job) => job.number)) + 1;
  shell.jobs.push({ number, process, text: '' });
  if (shell.isInteractive) await print(shell, 2, `[${number}] ${process.pid}\n`);
  return 0;
}

export async function runList(engine: Engine, shell: Shell, items: readonly ListItem[]): Promise<number> {
  let status = 0;
  for (const { node, background } of items)
    status = background ? await runBackground(engine, shell, node) : await engine.run(shell, node);
  return status;
}

export async function runFor(
  engine: Engine,
  shell: Shell,
  node: Extract<Node, { kind: 'for' }>,
): Promise<number> {
  const values = node.words ? await expanderOf(engine, shell).words(node.words) : [...shell.positional];
  let status = 0;
  await runLoop(async () => {
    const value = values.shift();
    if (value === undefined) return false;
    assign(shell, node.name, value);
    status = await engine.run(shell, node.body);
    return true;
  });
  return status;
}

export async function runCase(
  engine: Engine,
  shell: Shell,
  node: Extract<Node, { kind: 'case' }>,
): Promise<number> {
  const expander = expanderOf(engine, shell);
  const subject = await expander.text(node.word);
  for (const { patterns, body } of node.arms)
    for (const pattern of patterns)
      if (await expander.matches(pattern, subject)) return engine.run(shell, body);
  return 0;
}
