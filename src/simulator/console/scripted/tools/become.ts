/** Programs that run others as somebody else. */
import { findAccount, notOnAlpine } from './accounts.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

/** Becomes another user and runs something. */
async function runAs(
  context: ToolContext,
  name: string,
  words: readonly string[],
  isLogin: boolean,
): Promise<number> {
  const account = findAccount(context.files, name);
  if (!account)
    throw new ToolError(
      `user ${name} does not exist or the user entry does not contain all the required fields`,
    );
  const environment = new Map(
    isLogin
      ? [...context.environment].filter(([key]) => key === 'TERM' || key === 'PATH')
      : context.environment,
  );
  const identity = { HOME: account.home, SHELL: account.shell, USER: name, LOGNAME: name };
  for (const [key, text] of Object.entries(identity)) environment.set(key, text);
  const home = context.files.get(account.home)?.type === 'dir' ? account.home : '/';
  const process = context.start(words.length === 0 ? [account.shell] : words, {
    environment,
    user: `${name}:${account.uid}`,
    ...(isLogin ? { cwd: home } : {}),
  });
  if (!process)
    throw new ToolError(`failed to execute ${words[0] ?? account.shell}: No such file or directory`, 127);
  const end = (): void => void context.machine.processes.kill(process.pid, 'KILL');
  context.process.signal.addEventListener('abort', end, { once: true });
  const status = await process.ended;
  context.process.signal.removeEventListener('abort', end);
  return status;
}

const su: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(
      context.args.map((word) => (word === '-' ? '-l' : word)),
      'lmpfc:s:',
      { login: 'l', command: 'c', shell: 's', 'preserve-environment': 'm' },
    );
    const [name = 'root', ...more] = rest;
    const account = findAccount(context.files, name);
    const shell = value('s') ?? account?.shell ?? '/bin/sh';
    const command = value('c');
    return runAs(
      context,
      name,
      command === undefined ? [shell, ...more] : [shell, '-c', command, ...more],
      flags.has('l'),
    );
  },
};

const runuser: Tool = {
  run: async (context) => {
    const at = context.args.indexOf('-u');
    if (at < 0) return su.run(context);
    const rest = context.args.slice(at + 2);
    return runAs(context, context.args[at + 1] ?? '', rest[0] === '--' ? rest.slice(1) : rest, false);
  },
};

export const becomeTools: Readonly<Record<string, Tool>> = { runuser: notOnAlpine(runuser), su };
