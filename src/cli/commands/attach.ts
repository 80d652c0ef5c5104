/** `attach NAME`: the console of a container on this terminal. */
import { PveConflictError } from '../../api/errors/conflict-error.ts';
import { PveConnectionError } from '../../api/errors/connection-error.ts';
import type { ConsoleChannel, ConsoleEnd } from '../../console/channel.ts';
import { type EscapeKey, parseEscapeKey } from '../../console/escape-key.ts';
import { withoutFirstClear } from '../../console/first-clear.ts';
import { openConsole } from '../../console/open-console.ts';
import { type ModeTracker, trackModes } from '../../console/terminal-modes.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import type { EngineContext } from '../../engine/context.ts';
import { withConsole } from '../../engine/inside/with-shell.ts';
import { selectContainers } from '../../engine/list.ts';
import { type ExitCode, messageOf, UsageError } from '../../util/errors.ts';
import { offerShell, oneContainer } from '../inside.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { onlyOne } from '../selection.ts';
import { type LocalTerminal, localTerminal } from '../terminal.ts';

const defaultEscape = 'ctrl-]';
/** Ctrl-C: leaves while there is no console that it could go to. */
const interruptByte = 0x03;
/** Waits before attaching again, in milliseconds; the last one is repeated. */
const againAfterMs: readonly number[] = [500, 1000, 2000, 4000, 8000, 15_000];

/** What a console of each `cmode` shows; PVE: pve-container LXC.pm get_console_command, `tty` without the key. */
const shows: Readonly<Record<string, string>> = {
  shell: 'a root shell, without login (cmode shell)',
  tty: 'a login prompt (cmode tty)',
  console: 'the console of its first process, /dev/console (cmode console)',
};

const modeOf = (cmode: string | undefined): string => cmode ?? 'tty';

/** The session with one open console. */
type Outcome = 'detached' | ConsoleEnd;

interface Attachment {
  readonly context: EngineContext;
  readonly runtime: Runtime;
  readonly terminal: LocalTerminal;
  readonly container: ActualContainer;
  /** As the user calls it. */
  readonly name: string;
  readonly leave: EscapeKey | undefined;
}

function label({ name, vmid, node }: ActualContainer): string {
  return `${name ?? `CT${vmid}`} (CT ${vmid} on ${node})`;
}

/** What one should know before typing. */
function introduction({ container, leave, name }: Attachment): string {
  const { live, next } = container;
  const mode = modeOf(live.cmode);
  const lines = [
    `Attached to ${label(container)}: ${shows[mode] ?? `cmode ${mode}`}.`,
    ...(modeOf(next.cmode) === mode ? [] : [`After its next restart: ${shows[modeOf(next.cmode)]}.`]),
    ...(mode === 'shell'
      ? []
      : [`With a restart there is a root shell: pvefleet attach ${name} --allow restart`]),
    ...(live.console === false ? ["Its option 'console' is off, so it may show nothing."] : []),
    'All who open this console share it, and what runs in it goes on when you leave.',
    leave
      ? `Leave with ${leave.name}. If nothing shows, press Enter.`
      : 'No key leaves it (--escape none): end what runs in it, or this process. If nothing shows, press Enter.',
  ];
  return `${lines.join('\n')}\n`;
}

function open(attachment: Attachment, signal: AbortSignal, once = false): Promise<ConsoleChannel> {
  const { context, terminal, container } = attachment;
  const { node, vmid } = container;
  return openConsole(context.pve, { node, vmid, ...terminal.size(), signal, once, clock: context.clock });
}

/** Connects console and terminal until one of them has enough. */
async function hold(channel: ConsoleChannel, attachment: Attachment, modes: ModeTracker): Promise<Outcome> {
  const { terminal, leave } = attachment;
  let hasLeft = false;
  const detach = (): void => {
    hasLeft = true;
    channel.close();
  };
  const giveBack = terminal.takeOver(
    {
      onInput: (bytes) => {
        if (hasLeft) return;
        const at = leave?.find(bytes) ?? -1;
        void channel.send(at < 0 ? bytes : bytes.subarray(0, at));
        if (at >= 0) detach();
      },
      onResize: () => {
        const size = terminal.size();
        if (size) channel.resize(size.columns, size.rows);
      },
      onHangup: detach,
    },
    () => modes.reset(),
  );
  try {
    const filter = withoutFirstClear();
    channel.onData((bytes) => {
      const visible = filter(bytes);
      modes.push(visible);
      terminal.write(visible);
    });
    const end = await channel.ended;
    return hasLeft ? 'detached' : end;
  } finally {
    giveBack();
    channel.close();
  }
}

/** Opens the console again, as often as it takes, unless a key ends it. */
async function reopen(attachment: Attachment, end: ConsoleEnd): Promise<ConsoleChannel | 'detached'> {
  const { context, runtime, terminal, leave } = attachment;
  const stop = new AbortController();
  const giveUp = (): void => stop.abort();
  const signal = AbortSignal.any([stop.signal, context.signal]);
  const keys = leave ? `${leave.name} or Ctrl-C` : 'Ctrl-C';
  runtime.output.tell(`\nConnection lost (${end.message}). Attaching again; ${keys} gives up.\n`);
  const giveBack = terminal.takeOver({
    onInput: (bytes) => {
      if (bytes.includes(interruptByte) || (leave?.find(bytes) ?? -1) >= 0) giveUp();
    },
    onResize: () => undefined,
    onHangup: giveUp,
  });
  try {
    for (let attempt = 0; ; attempt++) {
      await context.clock.sleep(againAfterMs[Math.min(attempt, againAfterMs.length - 1)] as number, signal);
      try {
        const channel = await open(attachment, signal, true);
        runtime.output.tell('Attached again.\n');
        return channel;
      } catch (error) {
        if (!(error instanceof PveConnectionError)) throw error;
      }
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (stop.signal.aborted) return 'detached';
    throw error;
  } finally {
    giveBack();
  }
}

function lost({ container, name }: Attachment, end: ConsoleEnd): PveConnectionError {
  const { node, vmid } = container;
  return new PveConnectionError({
    request: {
      method: 'GET',
      path: `/nodes/${node}/lxc/${vmid}/vncwebsocket`,
      doing: `stay attached to ${label(container)}`,
    },
    reason: end.message ?? 'the connection was cut',
    sent: 'maybe',
    errno: 'ECONNRESET',
    hint: `what runs in the console goes on: pvefleet attach ${name} (with --reconnect it attaches again by itself)`,
  });
}

/** Why a console ends that nobody has left. */
async function farewell({ context, container, name }: Attachment): Promise<string> {
  const { node, vmid } = container;
  try {
    const current = await context.pve.get('/nodes/{node}/lxc/{vmid}/status/current', { node, vmid });
    if ((current as { status?: unknown }).status !== 'running')
      return `${label(container)} is not running any more.`;
  } catch (error) {
    return `The console of ${label(container)} has ended (${messageOf(error)}).`;
  }
  return `What ran in the console of ${label(container)} has ended. For a new one: pvefleet attach ${name}`;
}

/** A newline first: the cursor may be anywhere in a line of the container's. */
function sayAfter(runtime: Runtime, text: string): void {
  runtime.output.say(`\n${text}\n`);
}

async function attach(attachment: Attachment): Promise<ExitCode> {
  const { context, runtime, container } = attachment;
  const modes = trackModes();
  let channel = await open(attachment, context.signal);
  runtime.output.say(introduction(attachment));
  for (;;) {
    const outcome = await hold(channel, attachment, modes);
    if (context.signal.aborted) {
      sayAfter(runtime, `Interrupted; what runs in the console of ${label(container)} goes on.`);
      return 130;
    }
    if (outcome !== 'detached' && outcome.reason === 'lost') {
      if (!runtime.options.reconnect) throw lost(attachment, outcome);
      const next = await reopen(attachment, outcome);
      if (next !== 'detached') {
        channel = next;
        continue;
      }
      sayAfter(runtime, `Gave up; what runs in the console of ${label(container)} goes on.`);
      return 4;
    }
    sayAfter(
      runtime,
      outcome === 'detached'
        ? `Left ${label(container)}; what runs in its console goes on.`
        : await farewell(attachment),
    );
    return 0;
  }
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const name = args[0] as string;
  const instead = `for commands without a terminal: pvefleet exec ${name} -- COMMAND`;
  if (options.output !== 'human') {
    throw new UsageError(`attach is for people: it has no output ${options.output}`, { hint: instead });
  }
  const terminal = localTerminal(runtime.host);
  if (!terminal) throw new UsageError('attach needs a terminal for input and output', { hint: instead });
  const leave = parseEscapeKey(options.escape ?? defaultEscape);
  const context = await runtime.connect();
  const { containers } = await selectContainers(context, { names: [name] });
  const container = onlyOne(containers, name);
  if (container.isTemplate) {
    const { vmid, node } = container;
    throw new PveConflictError({
      request: {
        method: 'POST',
        path: `/nodes/${node}/lxc/${vmid}/termproxy`,
        doing: `attach to ${label(container)}`,
      },
      reason: 'it is a template, which never runs',
      kind: 'not-running',
    });
  }
  const attachment = { context, runtime, terminal, container, name, leave };
  const inside = await offerShell(runtime, [container]);
  // a login prompt is of use as well: without the permission it is what is shown
  if (!inside.policy.allow.restart || container.status !== 'running') return attach(attachment);
  return withConsole(
    context,
    container,
    inside,
    async () => attach({ ...attachment, container: await oneContainer(context, name) }),
    (change) => runtime.interrupts.whileApplying(change),
  );
}
