/** Programs that run others, and those that the shell has built in. */
import { echoText, printfText, testAnswer } from '../plain-commands.ts';
import { signalName } from '../processes.ts';
import { notOnAlpine } from './system.ts';
import { parseOptions, type StartOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const notFound = 127;

const timedOut = 124;

/** Runs another program to its end. */
async function become(
  context: ToolContext,
  words: readonly string[],
  options: StartOptions = {},
): Promise<number> {
  const process = context.start(words, options);
  if (!process) {
    await context.err(`${context.name}: '${words[0] ?? ''}': No such file or directory\n`);
    return notFound;
  }
  return follow(context, process);
}

/** Waits for a program; it ends with whoever waits. */
async function follow(
  context: ToolContext,
  process: { readonly pid: number; readonly ended: Promise<number> },
): Promise<number> {
  const { signal } = context.process;
  const end = (): void => void context.machine.processes.kill(process.pid, 'KILL');
  signal.addEventListener('abort', end, { once: true });
  try {
    return await process.ended;
  } finally {
    signal.removeEventListener('abort', end);
    signal.throwIfAborted();
  }
}

/** Seconds of `10`, `1.5m`. */
function durationMs(text: string): number {
  const [, digits, unit = 's'] = /^([0-9]*\.?[0-9]+)([smhd]?)$/.exec(text) ?? [];
  if (digits === undefined) throw new ToolError(`invalid time interval '${text}'`);
  const factors: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
  return Number(digits) * (factors[unit] ?? 1) * 1000;
}

const sleep: Tool = {
  run: async (context) => {
    if (context.args.length === 0) throw new ToolError('missing operand');
    await context.sleep(context.args.reduce((sum, word) => sum + durationMs(word), 0));
    return 0;
  },
};

const env: Tool = {
  run: async (context) => {
    const queue = [...context.args];
    const environment = new Map(context.environment);
    while (queue[0]?.startsWith('-')) {
      const word = queue.shift() as string;
      if (word === '-i' || word === '-' || word === '--ignore-environment') environment.clear();
      else if (word === '-u') environment.delete(queue.shift() ?? '');
      else if (word === '--') break;
    }
    while (/^[A-Za-z_]\w*=/.test(queue[0] ?? '')) {
      const word = queue.shift() as string;
      environment.set(word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1));
    }
    if (queue.length > 0) return become(context, queue, { environment });
    await context.out([...environment].map(([name, value]) => `${name}=${value}\n`).join(''));
    return 0;
  },
};

const printenv: Tool = {
  run: async (context) => {
    const [name] = context.args;
    if (name === undefined) {
      await context.out([...context.environment].map(([key, value]) => `${key}=${value}\n`).join(''));
      return 0;
    }
    const value = context.environment.get(name);
    if (value === undefined) return 1;
    await context.out(`${value}\n`);
    return 0;
  },
};

const nohup: Tool = {
  run: (context) => become(context, context.args, { ignored: [...context.ignored, 'HUP'] }),
};

const setsid: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args.slice(0, 1), 'fcw', { fork: 'f', wait: 'w' });
    const words = [...rest, ...context.args.slice(1)];
    if (!flags.has('f') && context.process.group !== context.process.pid)
      return becomeSession(context, words);
    const process = context.start(words, { newSession: true });
    if (!process) throw new ToolError(`failed to execute ${words[0]}: No such file or directory`, notFound);
    return flags.has('f') ? 0 : follow(context, process);
  },
};

async function becomeSession(context: ToolContext, words: readonly string[]): Promise<number> {
  const process = context.start(words, { newSession: true });
  if (!process) throw new ToolError(`failed to execute ${words[0]}: No such file or directory`, notFound);
  return follow(context, process);
}

const timeout: Tool = {
  run: async (context) => {
    const queue = [...context.args];
    let signal = 'TERM';
    while (queue[0]?.startsWith('-')) {
      const word = queue.shift() as string;
      if (word === '-s' || word === '-k') {
        const value = queue.shift() ?? '';
        if (word === '-s') signal = signalName(value) ?? signal;
      } else if (word.startsWith('--signal=')) signal = signalName(word.slice(9)) ?? signal;
    }
    const limitMs = durationMs(queue.shift() ?? '');
    const process = context.start(queue, { newGroup: true });
    if (!process)
      throw new ToolError(`failed to run command '${queue[0]}': No such file or directory`, notFound);
    const over = new AbortController();
    const late = context.machine.clock
      .sleep(limitMs, AbortSignal.any([over.signal, context.process.signal]))
      .then(
        () => true,
        () => false,
      );
    const isLate = await Promise.race([late, process.ended.then(() => false)]);
    if (isLate) context.machine.processes.kill(-process.group, signal);
    const status = await follow(context, process);
    over.abort(new Error('ended'));
    return isLate ? timedOut : status;
  },
};

/** What is a builtin of the shell, for those who run it without one. */
const plain: Readonly<Record<string, Tool>> = {
  true: { run: () => 0 },
  false: { run: () => 1 },
  echo: {
    run: async (context) => {
      await context.out(echoText(context.args, false));
      return 0;
    },
  },
  printf: {
    run: async (context) => {
      const [format = '', ...values] = context.args;
      await context.out(printfText(format, values));
      return 0;
    },
  },
  pwd: {
    run: async (context) => {
      await context.out(`${context.cwd}\n`);
      return 0;
    },
  },
  test: { run: (context) => (testAnswer(context.args, context) ? 0 : 1) },
  '[': { run: (context) => (testAnswer(context.args.slice(0, -1), context) ? 0 : 1) },
  kill: {
    run: (context) => {
      const words =
        context.args[0] === '-s' ? [`-${context.args[1]}`, ...context.args.slice(2)] : [...context.args];
      const signal =
        words[0]?.startsWith('-') && words.length > 1 ? (words.shift() as string).slice(1) : 'TERM';
      const name = signal === '0' ? '0' : signalName(signal);
      if (name === undefined) throw new ToolError(`unknown signal ${signal}`);
      const isSent = words
        .filter((word) => word !== '--')
        .map((word) => context.machine.processes.kill(Number(word), name));
      if (isSent.includes(false)) throw new ToolError('No such process');
      return 0;
    },
  },
  sync: { run: () => 0 },
  logger: { run: () => 0 },
  clear: {
    run: async (context) => {
      await context.out('\x1b[H\x1b[2J\x1b[3J');
      return 0;
    },
  },
};

/** Every name of the shell; it is the same one. */
const shell: Tool = {
  run: (context) =>
    context.machine.startShell({
      ...context,
      fds: new Map([...context.fds].map(([fd, stream]) => [fd, stream.retain()])),
    }),
};

const onlyOnAlpine = (tool: Tool): Tool => ({ ...tool, isIn: (family) => family === 'alpine' });

export const runTools: Readonly<Record<string, Tool>> = {
  ...plain,
  ash: onlyOnAlpine(shell),
  bash: notOnAlpine(shell),
  dash: notOnAlpine(shell),
  env,
  nohup,
  printenv,
  setsid,
  sh: shell,
  sleep,
  timeout,
};
