/** Runs the tree of a shell script, node by node. The kinds of nodes are in files of their own, which are lent this. */
import type { Engine } from './builtin.ts';
import { ExitJump } from './control.ts';
import { guarded, runCase, runFor, runList, runLoop, runPipe } from './control-structures.ts';
import { createParser } from './parse.ts';
import { Killed } from './processes.ts';
import { redirected } from './redirected.ts';
import { inFront, waitFor } from './shell-processes.ts';
import { copyFds, type Shell } from './shell-state.ts';
import { runCommand, runSimple } from './simple-command.ts';
import { fork } from './subshell.ts';
import type { Node } from './syntax.ts';
import { runExitTrap, runTraps } from './traps.ts';

/** Runs the text of a script in a shell, command by command: what stands behind `exit` need not be a script. */
export async function runText(shell: Shell, text: string): Promise<number> {
  const parser = createParser(text, true);
  let status = 0;
  for (let node = parser.next(); node; node = parser.next()) status = await run(shell, node);
  return status;
}

const engine: Engine = {
  run: (shell, node) => run(shell, node),
  runText,
  runCommand: (shell, words) => runCommand(engine, shell, words),
};

/**
 * The shell ends: its EXIT trap runs, and what it says decides.
 *
 * @param status - its exit code without one.
 */
export const endShell = (shell: Shell, status: number): Promise<number> => runExitTrap(engine, shell, status);

async function runNode(shell: Shell, node: Node): Promise<number> {
  switch (node.kind) {
    case 'simple':
      return runSimple(engine, shell, node);
    case 'pipe':
      return runPipe(engine, shell, node);
    case 'and':
    case 'or': {
      const status = await guarded(engine, shell, node.left);
      return (status === 0) === (node.kind === 'and') ? run(shell, node.right) : status;
    }
    case 'list':
      return runList(engine, shell, node.items);
    case 'if':
      for (const [condition, body] of node.branches)
        if ((await guarded(engine, shell, condition)) === 0) return run(shell, body);
      return node.otherwise ? run(shell, node.otherwise) : 0;
    case 'loop': {
      let status = 0;
      await runLoop(async () => {
        const isGood = (await guarded(engine, shell, node.condition)) === 0;
        if (isGood === node.until) return false;
        status = await run(shell, node.body);
        return true;
      });
      return status;
    }
    case 'for':
      return runFor(engine, shell, node);
    case 'case':
      return runCase(engine, shell, node);
    case 'group':
      return run(shell, node.body);
    case 'subshell': {
      const child = fork(engine, shell, copyFds(shell.fds), { command: shell.process.command }, (inner) =>
        run(inner, node.body),
      );
      return inFront(shell, child.group, () => waitFor(shell, [child]));
    }
    case 'function':
      shell.functions.set(node.name, node.body);
      return 0;
    case 'redirected':
      return redirected(engine, shell, node.redirects, () => run(shell, node.node));
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
  await runTraps(engine, shell);
  const status = await runNode(shell, node);
  shell.status = status;
  shell.process.signal.throwIfAborted();
  await runTraps(engine, shell);
  const isExempt = shell.guarded > 0 || (node.kind === 'pipe' && node.negated);
  if (status !== 0 && shell.options.has('e') && endsOnError.has(node.kind) && !isExempt)
    throw new ExitJump(status);
  return status;
}
