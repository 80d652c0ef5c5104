/** Simple commands: words and assignments, then a function, a builtin or a program. What those do is in builtins.ts and tools/. */
import type { Engine } from './builtin.ts';
import { builtins, specialBuiltins } from './builtins.ts';
import { ExitJump, ReturnJump } from './control.ts';
import { FileError } from './files.ts';
import { redirect, redirected } from './redirected.ts';
import { complain, print, runExternal } from './shell-processes.ts';
import { assign, misuse, type Shell, type Variable } from './shell-state.ts';
import { expanderOf } from './subshell.ts';
import type { Node } from './syntax.ts';

/** Runs a command by its words, functions left out. */
export function runCommand(engine: Engine, shell: Shell, words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words;
  const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  return Promise.resolve(builtin ? builtin(shell, args, engine) : runExternal(shell, words));
}

async function callFunction(
  engine: Engine,
  shell: Shell,
  body: Node,
  args: readonly string[],
): Promise<number> {
  const { positional } = shell;
  const hidden = new Map<string, Variable | undefined>();
  shell.positional = [...args];
  shell.locals.push(hidden);
  try {
    return await engine.run(shell, body);
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

/** Runs a simple command. */
export async function runSimple(
  engine: Engine,
  shell: Shell,
  node: Extract<Node, { kind: 'simple' }>,
): Promise<number> {
  let substituted = 0;
  const expander = expanderOf(engine, shell, (status) => {
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
  if (name === undefined)
    return redirected(engine, shell, node.redirects, () => Promise.resolve(substituted));
  if (shell.options.has('x')) await print(shell, 2, `+ ${words.join(' ')}\n`);
  shell.status = before;
  const own = shell.functions.get(name);
  const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  const keeps = specialBuiltins.has(name) && own === undefined;
  if (name === 'exec') {
    for (const [key, value] of values) assign(shell, key, value);
    (await redirect(engine, shell, node.redirects)).keep();
    if (args.length === 0) return 0;
    throw new ExitJump(await runExternal(shell, args));
  }
  const saved = values.map(([key]) => [key, shell.variables.get(key)] as const);
  for (const [key, value] of values) {
    if (keeps) assign(shell, key, value);
    else shell.variables.set(key, { value, exported: true });
  }
  try {
    return await redirected(engine, shell, node.redirects, async () => {
      if (own) return callFunction(engine, shell, own, args);
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
