/** Commands of the shell for signals and processes. */
import { type Builtin, fail, printable, say } from './builtin.ts';
import { Killed, signalName, signals } from './processes.ts';

export const setTrap: Builtin = async (shell, args) => {
  const words = args[0] === '--' ? args.slice(1) : args;
  if (words.length === 0) {
    const lines = [...shell.traps].map(([signal, action]) => `trap -- ${printable(action)} ${signal}\n`);
    await say(shell, 1, lines.join(''));
    return 0;
  }
  const isReset = words.length === 1 || words[0] === '-' || /^[0-9]+$/.test(words[0] as string);
  const action = words[0] as string;
  for (const word of isReset && words[0] !== '-' ? words : words.slice(1)) {
    const name = word === '0' || word.toUpperCase() === 'EXIT' ? 'EXIT' : signalName(word);
    if (name === undefined) {
      if (word === 'ERR' || word === 'DEBUG' || word === 'RETURN') continue;
      return fail(shell, 'trap', `${word}: bad trap`);
    }
    if (isReset) shell.traps.delete(name);
    else shell.traps.set(name, action);
  }
  return 0;
};

export const sendSignal: Builtin = async (shell, args) => {
  const words = [...args];
  let signal = 'TERM';
  if (words[0] === '-l') {
    await say(shell, 1, `${Object.keys(signals).join('\n')}\n`);
    return 0;
  }
  if (words[0] === '-s' || words[0] === '-n') {
    signal = words[1] ?? '';
    words.splice(0, 2);
  } else if (/^-[A-Za-z0-9]+$/.test(words[0] ?? '') && words.length > 1)
    signal = (words.shift() as string).slice(1);
  if (words[0] === '--') words.shift();
  const name = signal === '0' ? '0' : signalName(signal);
  if (name === undefined) return fail(shell, 'kill', `invalid signal number or name: ${signal}`, 2);
  let status = 0;
  for (const word of words) {
    const job = /^%[0-9]+$/.test(word) ? shell.jobs.find(({ number }) => `%${number}` === word) : undefined;
    const target = job ? -job.process.group : Number(word);
    if (!Number.isInteger(target)) status = await fail(shell, 'kill', `Illegal number: ${word}`, 2);
    else if (!shell.machine.processes.kill(target, name))
      status = await fail(
        shell,
        'kill',
        shell.isInteractive ? `(${word}) - No such process` : 'No such process',
      );
  }
  return status;
};

export const waitForJobs: Builtin = async (shell, args) => {
  const wanted =
    args.length === 0
      ? shell.jobs
      : shell.jobs.filter(({ process, number }) =>
          args.some((word) => word === String(process.pid) || word === `%${number}`),
        );
  if (args.length > 0 && wanted.length === 0) return 127;
  const wait = new AbortController();
  shell.interrupt = wait;
  const signal = AbortSignal.any([shell.process.signal, wait.signal]);
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  stopped.catch(() => undefined); // waited for below, or never
  try {
    let status = 0;
    for (const { process } of wanted) status = await Promise.race([process.ended, stopped]);
    shell.jobs = shell.jobs.filter((job) => !wanted.includes(job));
    return args.length === 0 ? 0 : status;
  } catch (error) {
    if (error instanceof Killed && !shell.process.signal.aborted) return error.status;
    throw error;
  } finally {
    shell.interrupt = undefined;
  }
};
