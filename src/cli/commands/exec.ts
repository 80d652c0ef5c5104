/** `exec NAME -- COMMAND`: a command in one container, as ssh would run it, or in many. */
import { StringDecoder } from 'node:string_decoder';
import type { CommandSpec } from '../../console/command-script.ts';
import type { StreamName } from '../../console/run-command.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import { labelContainers } from '../../domain/labels.ts';
import type { EngineContext } from '../../engine/context.ts';
import { type ExecRequest, execDocument, execIn, execInMany } from '../../engine/inside/exec.ts';
import { selectContainers } from '../../engine/list.ts';
import { renderExec } from '../../render/inside.ts';
import { UsageError } from '../../util/errors.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { offerShell, writeBytes } from '../inside.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf } from '../selection.ts';

function environment(pairs: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of pairs) {
    const [, name = '', value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair) ?? [];
    // the word is not shown: it may be a secret
    if (name === '') throw new UsageError('--env takes NAME=VALUE');
    found[name] = value;
  }
  return found;
}

function specOf(argv: readonly string[], options: Options): CommandSpec {
  const { env = [], cwd, user, timeout } = options;
  const words = [...argv, ...env, cwd ?? '', user ?? ''];
  if (words.some((word) => word.includes('\0'))) throw new UsageError('a word has a NUL in it');
  if (user !== undefined && !/^[^\s:/]+$/.test(user)) throw new UsageError(`'${user}' is no user name`);
  return {
    argv,
    env: environment(env),
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
  };
}

function checkUsage({ args, rest, options }: Invocation): void {
  const { resume } = options;
  const [name = 'NAME', ...words] = args;
  if (resume !== undefined) {
    if (rest && rest.length > 0)
      throw new UsageError('--resume takes no command: it was given when the run started');
    if (!/^[0-9a-f]{16}$/.test(resume)) throw new UsageError(`'${resume}' is no id of a run`);
    if (options.stdin) throw new UsageError('--resume takes no --stdin: the run has had its input');
  } else if (!rest || rest.length === 0) {
    throw new UsageError('exec was not told what to run', {
      hint: `put the command behind --: pvefleet exec ${name} -- ${words.join(' ') || 'COMMAND'}`,
    });
  }
  const { tag, node, pool, fleet } = options;
  if (args.length === 0 && [tag, node, pool, fleet].every((filter) => filter === undefined)) {
    throw new UsageError('exec was not told where', {
      hint: "name containers, or use --tag, --node, --pool, --fleet: pvefleet exec 'web*' -- COMMAND",
    });
  }
}

/** stdin of this process: as it comes for one container, kept for several. */
async function inputOf(
  runtime: Runtime,
  isOne: boolean,
): Promise<() => AsyncIterable<Uint8Array> | Iterable<Uint8Array>> {
  const { stdin } = runtime.host;
  if (stdin.isTTY) {
    throw new UsageError('--stdin reads to the end of stdin, but that is the terminal', {
      hint: 'pipe something in; for a conversation use pvefleet attach',
    });
  }
  const pieces = stdin as AsyncIterable<Uint8Array>;
  if (isOne) return () => pieces;
  const kept: Uint8Array[] = [];
  for await (const piece of pieces) kept.push(piece);
  return () => kept;
}

// biome-ignore lint/complexity/useRegexLiterals: control characters are clearer as text
const escapes = new RegExp(
  '\\u001b(?:\\[[0-9;?]*[ -/]*[@-~]|[@-Z\\\\-_])|[\\u0000-\\u0008\\u000b-\\u001f]',
  'g',
);

/** Puts the container's name in front of each line, and keeps cursor movements of one from the lines of the others. */
function createPrefixer(
  runtime: Runtime,
  containers: readonly ActualContainer[],
): { write: ExecRequest['onOutput']; end(): void } {
  const labels = labelContainers(containers);
  const width = Math.max(...[...labels.values()].map((label) => label.length));
  const open = new Map<string, { decoder: StringDecoder; text: string; stream: StreamName; vmid: number }>();
  const put = (vmid: number, stream: StreamName, line: string): void => {
    const target = runtime.host[stream];
    // what a progress bar shows last is what counts
    const last = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
    const text = target.isTTY ? last.replaceAll(escapes, '') : last;
    const label = (labels.get(vmid) ?? String(vmid)).padEnd(width);
    runtime.output.pause(() => target.write(`${label} | ${text}\n`));
  };
  return {
    write: ({ vmid }, stream, bytes) => {
      const key = `${vmid} ${stream}`;
      const state = open.get(key) ?? { decoder: new StringDecoder('utf8'), text: '', stream, vmid };
      open.set(key, state);
      const lines = (state.text + state.decoder.write(Buffer.from(bytes))).split('\n');
      state.text = lines.pop() ?? '';
      for (const line of lines) put(vmid, stream, line);
    },
    end: () => {
      for (const { vmid, stream, text } of open.values()) if (text !== '') put(vmid, stream, text);
    },
  };
}

/** An event per piece of output, for those who read the stream of events. */
function emitOutput(context: EngineContext): ExecRequest['onOutput'] {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return ({ vmid, name = `CT${vmid}` }, stream, bytes) => {
    let data: { text: string } | { base64: string };
    try {
      data = { text: decoder.decode(bytes) };
    } catch {
      data = { base64: Buffer.from(bytes).toString('base64') };
    }
    context.emit({ type: 'exec.output', id: name, vmid, stream, ...data });
  };
}

async function runInOne(
  runtime: Runtime,
  context: EngineContext,
  container: ActualContainer,
  request: ExecRequest,
): Promise<number> {
  const { output, host } = runtime;
  const isHuman = output.format === 'human';
  const onOutput: ExecRequest['onOutput'] = isHuman
    ? (_, stream, bytes) => writeBytes(host[stream], bytes)
    : emitOutput(context);
  const { result, failure } = await execIn(context, container, { ...request, onOutput });
  // once the command has run its result is told, whatever else went wrong
  if (failure !== undefined && result.exitCode === null) {
    if (!runtime.interrupts.drain.aborted) throw failure;
    output.error(failure);
    return 130;
  }
  if (!isHuman) output.result(execDocument([result]), () => '');
  if (failure !== undefined) {
    output.error(failure);
    output.say(`The command itself ended with exit code ${result.exitCode}.`);
    return exitCodeOf(failure);
  }
  if (result.timedOut) output.say(`The time of the command was over; it was ended.`);
  return result.exitCode ?? 1;
}

async function runInMany(
  runtime: Runtime,
  context: EngineContext,
  containers: readonly ActualContainer[],
  request: ExecRequest,
): Promise<number> {
  const { output } = runtime;
  const prefixer = createPrefixer(runtime, containers);
  const onOutput = output.format === 'human' ? prefixer.write : emitOutput(context);
  const document = await execInMany(context, containers, { ...request, onOutput });
  prefixer.end();
  output.result(document, (style) => renderExec(document, style));
  return document.summary.ok === containers.length ? 0 : 5;
}

export async function run(invocation: Invocation, runtime: Runtime): Promise<number> {
  const { args, rest = [], options } = invocation;
  checkUsage(invocation);
  const spec = specOf(rest, options);
  const context = await runtime.connect();
  const selected = (await selectContainers(context, selectionOf(args, options))).containers;
  // a glob means containers to work in, and a template is none
  const containers = selected.length > 1 ? selected.filter(({ isTemplate }) => !isTemplate) : selected;
  const [only] = containers;
  const { resume } = options;
  if (!only) throw new UsageError('no container is selected');
  if (resume !== undefined && containers.length > 1) throw new UsageError('--resume takes one container');
  const request: ExecRequest = {
    ...(await offerShell(runtime, containers)),
    spec,
    ...(options.stdin ? { stdin: await inputOf(runtime, containers.length === 1) } : {}),
    ...(resume === undefined ? {} : { resume }),
    ...(options.failFast ? { failFast: true } : {}),
    keepsOutput: runtime.output.format !== 'human',
    onOutput: () => undefined,
  };
  const { interrupts } = runtime;
  const code = await interrupts.whileApplying(() =>
    containers.length === 1
      ? runInOne(runtime, context, only, request)
      : runInMany(runtime, context, containers, request),
  );
  return interrupts.drain.aborted ? 130 : code;
}
