/**
 * Runs the tree of a shell script: lists, pipes, loops, redirections, functions, subshells. What single commands do is in
 * builtins.ts and tools/.
 */
import type { Engine } from './builtin.ts';
import { builtins, specialBuiltins } from './builtins.ts';
import { ExitJump, LoopJump, ReturnJump } from './control.ts';
import { createExpander, type Expander } from './expand.ts';
import { FileError } from './files.ts';
import { createParser } from './parse.ts';
import { Killed, type Process } from './processes.ts';
import { openRedirect } from './redirect.ts';
import { complain, inFront, listenForSignals, print, runExternal, waitFor } from './shell-processes.ts';
import { assign, closeFds, copyFds, type Shell, subshellOf, type Variable } from './shell-state.ts';
import { BrokenPipe, collector, createPipe, nullStream, type Stream } from './streams.ts';
import type { ListItem, Node, Redirect } from './syntax.ts';

const misuse = 2;

type Simple = Extract<Node, { kind: 'simple' }>;

/** Runs the text of a script in a shell, command by command: what stands behind `exit` need not be a script. */
export async function runText(shell: Shell, text: string): Promise<number> {
  const parser = createParser(text, true);
  let status = 0;
  for (let node = parser.next(); node; node = parser.next()) status = await run(shell, node);
  return status;
}

/** Runs the traps of signals that have come. */
async function runTraps(shell: Shell): Promise<void> {
  for (let signal = shell.pending.shift(); signal !== undefined; signal = shell.pending.shift()) {
    const action = shell.traps.get(signal);
    if (action === undefined || action === '') continue;
    const { status } = shell;
    await runText(shell, action);
    shell.status = status;
  }
}

/** The shell ends: its EXIT trap runs, and what it says decides. */
export async function runExitTrap(shell: Shell, status: number): Promise<number> {
  const action = shell.traps.get('EXIT');
  if (action === undefined || action === '') return status;
  shell.traps.delete('EXIT');
  shell.status = status;
  try {
    await runText(shell, action);
  } catch (error) {
    if (error instanceof ExitJump) return error.status;
    throw error;
  }
  return status;
}

/** Runs a subshell's inside, up to its exit code. */
async function runSubshell(shell: Shell, work: () => Promise<number>): Promise<number> {
  const { process } = shell;
  listenForSignals(shell);
  let status: number;
  try {
    status = await work();
  } catch (error) {
    if (error instanceof ExitJump || error instanceof ReturnJump) status = error.status;
    else if (error instanceof LoopJump) status = 0;
    else if (error instanceof BrokenPipe) status = new Killed('PIPE').status;
    else if (process.signal.aborted || !(error instanceof Error)) throw error;
    else {
      await complain(shell, error.message);
      status = misuse;
    }
  }
  try {
    return await runExitTrap(shell, status);
  } finally {
    closeFds(shell.fds);
  }
}

/** Starts a subshell as a process of its own. */
function fork(
  shell: Shell,
  fds: Map<number, Stream>,
  options: { readonly command: string; readonly newGroup?: boolean },
  work: (inner: Shell) => Promise<number>,
): Process {
  return shell.machine.processes.spawn({ parent: shell.process, ...options }, (process) => {
    const inner = subshellOf(shell, process, fds);
    return runSubshell(inner, () => work(inner));
  });
}

/** `onStatus` hears of the exit codes of substituted commands. */
function expanderOf(shell: Shell, onStatus?: (status: number) => void): Expander {
  return createExpander(shell, async (body) => {
    const output = collector();
    const fds = copyFds(shell.fds);
    fds.get(1)?.release();
    fds.set(1, output.stream);
    const process = fork(shell, fds, { command: shell.process.command }, (inner) => run(inner, body));
    shell.status = await waitFor(shell, [process]);
    onStatus?.(shell.status);
    return output.text();
  });
}

/** Opens redirections over a table of descriptors; what restores it, or closes what was there before. */
async function redirect(
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
    const expander = expanderOf(shell);
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
async function redirected(
  shell: Shell,
  redirects: readonly Redirect[],
  work: () => Promise<number>,
): Promise<number> {
  if (redirects.length === 0) return work();
  let restore: () => void;
  try {
    ({ restore } = await redirect(shell, redirects));
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

async function callFunction(shell: Shell, body: Node, args: readonly string[]): Promise<number> {
  const { positional } = shell;
  const hidden = new Map<string, Variable | undefined>();
  shell.positional = [...args];
  shell.locals.push(hidden);
  try {
    return await run(shell, body);
  } catch (error) {
    if (error instanceof ReturnJump) return error.status;
    throw error;
  } finally {
    shell.locals.pop();
    for (const [name, variable] of hidden) {
      if (variable) shell.variables.set(name, variable);
      else shell.variables.delete(name);
    }
    shell.positional = positional;
  }
}

const engine: Engine = {
  run: (shell, node) => run(shell, node),
  runText,
  runCommand: (shell, words) => {
    const [name = '', ...args] = words;
    const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
    return Promise.resolve(builtin ? builtin(shell, args, engine) : runExternal(shell, words));
  },
};

async function runSimple(shell: Shell, node: Simple): Promise<number> {
  let substituted = 0;
  const expander = expanderOf(shell, (status) => {
    substituted = status;
  });
  const before = shell.status;
  const words = await expander.words(node.words);
  const values: (readonly [string, string])[] = [];
  for (const [name, word] of node.assignments) {
    const value = await expander.text(word);
    values.push([name, value]);
    if (words.length === 0) assign(shell, name, value);
  }
  const [name, ...args] = words;
  if (name === undefined) return redirected(shell, node.redirects, () => Promise.resolve(substituted));
  if (shell.options.has('x')) await print(shell, 2, `+ ${words.join(' ')}\n`);
  shell.status = before;
  const own = shell.functions.get(name);
  const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  const keeps = specialBuiltins.has(name) && own === undefined;
  if (name === 'exec') {
    for (const [key, value] of values) assign(shell, key, value);
    (await redirect(shell, node.redirects)).keep();
    if (args.length === 0) return 0;
    throw new ExitJump(await runExternal(shell, args));
  }
  const saved = values.map(([key]) => [key, shell.variables.get(key)] as const);
  for (const [key, value] of values) {
    if (keeps) assign(shell, key, value);
    else shell.variables.set(key, { value, exported: true });
  }
  try {
    return await redirected(shell, node.redirects, async () => {
      if (own) return callFunction(shell, own, args);
      if (!builtin) return runExternal(shell, words);
      try {
        return await builtin(shell, args, engine);
      } catch (error) {
        if (!(error instanceof FileError || (error as Error).constructor === Error)) throw error;
        await complain(shell, `${name}: ${(error as Error).message}`);
        return misuse;
      }
    });
  } finally {
    if (!keeps)
      for (const [key, variable] of saved) {
        if (variable) shell.variables.set(key, variable);
        else shell.variables.delete(key);
      }
  }
}

/** What does not stop at `set -e`: conditions, and all but the last of `&&` and `||`. */
async function guarded(shell: Shell, node: Node): Promise<number> {
  shell.guarded += 1;
  try {
    return await run(shell, node);
  } finally {
    shell.guarded -= 1;
  }
}

async function runLoop(work: () => Promise<boolean>): Promise<void> {
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

async function runPipe(shell: Shell, node: Extract<Node, { kind: 'pipe' }>): Promise<number> {
  const { commands, negated } = node;
  const [only] = commands;
  let status: number;
  if (commands.length === 1 && only) status = await guarded(shell, only);
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
      const process = fork(shell, fds, options, (inner) => run(inner, command));
      if (isJob && started[0]) process.group = started[0].group;
      started.push(process);
    }
    status = await inFront(shell, started[0]?.group ?? 0, () => waitFor(shell, started));
  }
  return negated ? (status === 0 ? 1 : 0) : status;
}

async function runBackground(shell: Shell, node: Node): Promise<number> {
  const fds = copyFds(shell.fds);
  const isJob = shell.options.has('m');
  if (!isJob) {
    fds.get(0)?.release();
    fds.set(0, nullStream);
  }
  const process = fork(shell, fds, { command: shell.process.command, newGroup: isJob }, (inner) => {
    if (!isJob) for (const signal of ['INT', 'QUIT']) inner.traps.set(signal, '');
    return run(inner, node);
  });
  shell.lastBackground = process.pid;
  const number = Math.max(0, ...shell.jobs.map((job) => job.number)) + 1;
  shell.jobs.push({ number, process, text: '' });
  if (shell.isInteractive) await print(shell, 2, `[${number}] ${process.pid}\n`);
  return 0;
}

async function runList(shell: Shell, items: readonly ListItem[]): Promise<number> {
  let status = 0;
  for (const { node, background } of items)
    status = background ? await runBackground(shell, node) : await run(shell, node);
  return status;
}

async function runFor(shell: Shell, node: Extract<Node, { kind: 'for' }>): Promise<number> {
  const values = node.words ? await expanderOf(shell).words(node.words) : [...shell.positional];
  let status = 0;
  await runLoop(async () => {
    const value = values.shift();
    if (value === undefined) return false;
    assign(shell, node.name, value);
    status = await run(shell, node.body);
    return true;
  });
  return status;
}

async function runCase(shell: Shell, node: Extract<Node, { kind: 'case' }>): Promise<number> {
  const expander = expanderOf(shell);
  const subject = await expander.text(node.word);
  for (const { patterns, body } of node.arms)
    for (const pattern of patterns) if (await expander.matches(pattern, subject)) return run(shell, body);
  return 0;
}

async function runNode(shell: Shell, node: Node): Promise<number> {
  switch (node.kind) {
    case 'simple':
      return runSimple(shell, node);
    case 'pipe':
      return runPipe(shell, node);
    case 'and':
    case 'or': {
      const status = await guarded(shell, node.left);
      return (status === 0) === (node.kind === 'and') ? run(shell, node.right) : status;
    }
    case 'list':
      return runList(shell, node.items);
    case 'if':
      for (const [condition, body] of node.branches)
        if ((await guarded(shell, condition)) === 0) return run(shell, body);
      return node.otherwise ? run(shell, node.otherwise) : 0;
    case 'loop': {
      let status = 0;
      await runLoop(async () => {
        const isGood = (await guarded(shell, node.condition)) === 0;
        if (isGood === node.until) return false;
        status = await run(shell, node.body);
        return true;
      });
      return status;
    }
    case 'for':
      return runFor(shell, node);
    case 'case':
      return runCase(shell, node);
    case 'group':
      return run(shell, node.body);
    case 'subshell': {
      const child = fork(shell, copyFds(shell.fds), { command: shell.process.command }, (inner) =>
        run(inner, node.body),
      );
      return inFront(shell, child.group, () => waitFor(shell, [child]));
    }
    case 'function':
      shell.functions.set(node.name, node.body);
      return 0;
    case 'redirected':
      return redirected(shell, node.redirects, () => run(shell, node.node));
  }
}

const endsOnError: ReadonlySet<Node['kind']> = new Set(['simple', 'pipe', 'subshell']);

let turns = 0;

const turnsAtOnce = 200;

/**
 * Runs a node in a shell.
 *
 * @returns its exit code, which is also `$?`.
 */
export async function run(shell: Shell, node: Node): Promise<number> {
  shell.process.signal.throwIfAborted();
  turns += 1;
  // A script that only computes must not keep everything else from happening.
  if (turns % turnsAtOnce === 0) await new Promise(setImmediate);
  if (shell.isInterrupted) {
    shell.isInterrupted = false;
    throw new Killed('INT');
  }
  await runTraps(shell);
  const status = await runNode(shell, node);
  shell.status = status;
  shell.process.signal.throwIfAborted();
  await runTraps(shell);
  const isExempt = shell.guarded > 0 || (node.kind === 'pipe' && node.negated);
  if (status !== 0 && shell.options.has('e') && endsOnError.has(node.kind) && !isExempt)
    throw new ExitJump(status);
  return status;
}
