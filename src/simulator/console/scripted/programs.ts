/** Programs of a simulated container: how they are found, and what they are given. */
import type { Machine } from './machine.ts';
import { Killed } from './processes.ts';
import type { Shell } from './shell-state.ts';
import { BrokenPipe } from './streams.ts';
import { tools } from './tools/index.ts';
import { type Program, type ProgramStart, type Tool, ToolError, toolContext } from './tools/tool.ts';

const executable = 0o111;

/** Tells whether a tool is there in this distribution. */
function hasTool(machine: Machine, name: string): boolean {
  return Object.hasOwn(tools, name) && (tools[name]?.isIn?.(machine.family) ?? true);
}

function atPath(machine: Machine, path: string): Program | undefined {
  const entry = machine.files.get(path);
  if (!entry) return undefined;
  if (entry.type === 'dir') return { kind: 'refused', reason: 'Is a directory' };
  const name = path.slice(path.lastIndexOf('/') + 1);
  const data = entry.data ?? '';
  if ((entry.mode & executable) === 0) return { kind: 'refused', reason: 'Permission denied' };
  if (data === '' && hasTool(machine, name)) return { kind: 'tool', tool: tools[name] as Tool };
  const line = /^#![ \t]*(\S+)(?:[ \t]+(\S.*))?\n/.exec(data);
  const interpreter = line
    ? [line[1] as string, ...(line[2] === undefined ? [] : [line[2].trim()])]
    : ['/bin/sh'];
  return { kind: 'script', path, interpreter };
}

/** Finds a program by its name or path; undefined when there is none. */
export function findProgram(
  shell: Pick<Shell, 'machine' | 'cwd' | 'variables'>,
  name: string,
): Program | undefined {
  const { machine, cwd } = shell;
  if (name.includes('/')) return atPath(machine, machine.files.resolve(name, cwd));
  const path = pathOfProgram(shell, name);
  return path === undefined ? undefined : atPath(machine, path);
}

/** Where a program is, as `command -v` says. */
export function pathOfProgram(
  shell: Pick<Shell, 'machine' | 'cwd' | 'variables'>,
  name: string,
): string | undefined {
  const { files } = shell.machine;
  for (const directory of (shell.variables.get('PATH')?.value ?? '').split(':')) {
    const path = `${directory === '' ? shell.cwd : directory}/${name}`;
    const entry = files.get(files.resolve(path, shell.cwd));
    if (entry?.type === 'file' && (entry.mode & executable) !== 0) return path;
  }
  return undefined;
}

/**
 * Runs a program to its end, and closes its descriptors.
 *
 * @returns its exit code.
 */
export async function runProgram(program: Program, start: ProgramStart): Promise<number> {
  const { process, machine } = start;
  const stubborn = new Set(start.ignored);
  process.onSignal = (signal) => stubborn.has(signal);
  const error = start.fds.get(2);
  try {
    if (program.kind === 'refused') return 126;
    if (program.kind === 'script') {
      const [shell = '/bin/sh', ...options] = program.interpreter;
      const words = [shell, ...options, program.path, ...start.args];
      return await machine.startShell({ ...start, name: shell, args: words.slice(1) });
    }
    return await program.tool.run(toolContext(start, { find: findFor(start), run: runProgram }));
  } catch (problem) {
    process.signal.throwIfAborted();
    if (problem instanceof BrokenPipe) return new Killed('PIPE').status;
    if (!(problem instanceof Error)) throw problem;
    if (problem instanceof ToolError && problem.message === '') return problem.status;
    await error?.write(
      `${start.name.slice(start.name.lastIndexOf('/') + 1)}: ${problem.message}\n`,
      process.signal,
    );
    return problem instanceof ToolError ? problem.status : 1;
  } finally {
    for (const stream of start.fds.values()) stream.release();
    start.fds.clear();
  }
}

function findFor(start: ProgramStart): (name: string) => Program | undefined {
  const path = start.environment.get('PATH');
  const variables = new Map(path === undefined ? [] : [['PATH', { value: path, exported: true }]]);
  return (name) => findProgram({ machine: start.machine, cwd: start.cwd, variables }, name);
}
