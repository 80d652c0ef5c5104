/**
 * One console's shell in our hands: finds out whether a shell answers, starts the agent in it, asks it one thing at a
 * time, gives the shell back. Knows nothing of commands and files; connecting anew is shell.ts's.
 */
import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../util/clock.ts';
import { messageOf } from '../util/errors.ts';
import { type AgentPlaces, agentText, bootstrapLine, type TokenHalves } from './agent-script.ts';
import type { ConsoleChannel } from './channel.ts';
import { ConsoleBusyError, ConsoleLostError, NoShellError } from './errors.ts';
import { createFrameReader, decodeBlock, encodeBlock } from './frame-reader.ts';

/** A piece of a stream, checked. */
interface Block {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the agent said. */
export interface Answer {
  readonly words: readonly string[];
  /** In order; those that came damaged are missing. */
  readonly blocks: readonly Block[];
  /** Some block did not arrive whole: ask again. */
  readonly isDamaged: boolean;
}

/** A shell that is ours. */
export interface ShellSession {
  /** Both halves in one piece. */
  readonly token: string;
  readonly digestTool: string;
  /** Somebody typed into the shared console while we had it. */
  readonly wasDisturbed: boolean;
  /**
   * Asks the agent.
   *
   * @param words - request and arguments, none with blanks.
   * @param data - bytes that go with it.
   * @throws ConsoleLostError when the console ends or stays silent.
   */
  ask(words: readonly string[], data?: Uint8Array): Promise<Answer>;
  /** Gives the shell back and leaves the console. */
  release(): Promise<void>;
  /** Leaves the console at once; the agent gives the shell back by itself when nothing comes any more. */
  abandon(): void;
}

/** How to take a shell. */
export interface TakeOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly places?: AgentPlaces;
  /** Tokens of earlier sessions of ours, whose agents may still be there; this session's is added. */
  readonly tokens?: string[];
}

/** How long a prompt may take to appear after the console was opened. */
const firstOutputMs = 700;
/** Silence after which what was shown is complete. */
const quietMs = 120;
/** Longest wait for that silence. */
const noisyMs = 3000;
/**
 * How long a shell may take to start the agent. The line is typed again after each of them but the last: what is typed
 * while lxc-attach starts is thrown away.
 */
const answerMs: readonly number[] = [2000, 4000, 6000];
/** The first of them where an agent of ours may be there still: one that waits for the rest of its data does not answer. */
const firstAnswerMs = 800;
/** How long an agent that is dismissed may take to go. */
const dismissMs = 500;
/** Silence of the agent after which the console is taken for dead; it answers every 3 s at least. */
const silenceMs = 30_000;
/** Pause between two signs of life while there is nothing to ask. */
const keepAliveMs = 4000;
/** Silence of ours after which the agent may be gone, and a request would be typed at a prompt. */
const idleMs = 9000;
/** How long the agent may take to give the shell back. */
const goodbyeMs = 2000;

const fullScreen = /\u001b\[\?(?:1049|1047|47)h/;
const loginPrompt = /(?:login|password)\s*:\s*$/i;
const question = /(?:\[[yn]\/[yn]\]|\([yn]\/[yn]\)|\(yes\/no[^)]*\))\??:?\s*$/i;

const hints = {
  login:
    'the console asks for a login: its cmode is not shell. Set `cmode: shell` and restart, or use --allow restart to have it done for the time of the work',
  program: 'see what it is: pvefleet attach; end it there, then try again',
  busy: 'try again later, or use --wait to wait until it is free',
} as const;

const escapes =
  /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007]*(?:\u0007|\u001b\\)|[@-Z\\-_])|[\u0000-\u0008\u000b-\u001f]/g;

/** What a person would have read, the last line of it. */
function lastLine(text: string): string {
  const lines = text.replaceAll(escapes, '').trimEnd().split('\n');
  return (lines.at(-1) ?? '').trim().slice(-100);
}

/** Resolves with true when the promise does within the time. */
async function within(
  clock: Clock,
  ms: number,
  promise: Promise<unknown>,
  signal?: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([over.signal, signal]) : over.signal;
  try {
    return await Promise.race([
      promise.then(() => true),
      clock.sleep(ms, stop).then(
        () => false,
        (error: unknown) => {
          if (over.signal.aborted) return false;
          throw error;
        },
      ),
    ]);
  } finally {
    over.abort();
  }
}

/** A promise that can be resolved from outside, again and again. */
interface Bell {
  readonly next: () => Promise<void>;
  readonly ring: () => void;
}

function createBell(): Bell {
  let waiting: (() => void)[] = [];
  return {
    next: () => new Promise((resolve) => waiting.push(resolve)),
    ring: () => {
      const all = waiting;
      waiting = [];
      for (const wake of all) wake();
    },
  };
}

function newToken(): TokenHalves {
  return { left: `pv${randomBytes(4).toString('hex')}`, right: randomBytes(5).toString('hex') };
}

/** Looks at what the console shows before anything is typed. */
function checkScreen(seen: string): void {
  if (fullScreen.test(seen)) {
    throw new NoShellError('a full-screen program is running in the console', { hint: hints.program });
  }
  const line = lastLine(seen);
  if (loginPrompt.test(line)) {
    throw new NoShellError(`no shell: the console shows '${line}'`, { hint: hints.login });
  }
  if (question.test(line)) {
    throw new NoShellError(`a program is asking something in the console: '${line}'`, {
      hint: hints.program,
    });
  }
}

const busyLine = /pvefleet-busy (\S+) (pv[0-9a-f]+)\s/;

/**
 * Takes the shell of an open console.
 *
 * @param channel - just opened; closed again when the shell cannot be had.
 * @param options - time, abort signal, where the agent may write.
 * @returns the session.
 * @throws {@link ConsoleBusyError} when somebody else is using it, {@link NoShellError} when no shell answers,
 *   {@link ConsoleLostError} when the console ends meanwhile.
 */
export async function takeShell(channel: ConsoleChannel, options: TakeOptions): Promise<ShellSession> {
  const { clock, signal } = options;
  const halves = newToken();
  const token = halves.left + halves.right;
  const earlier = [...(options.tokens ?? [])];
  const previous = earlier.at(-1);
  options.tokens?.push(token);
  const anyByte = createBell();
  const news = createBell();
  let lastByteAt = clock.now();
  let seen = '';
  let lost: ConsoleLostError | undefined;
  let state: 'new' | 'ready' | 'bad' = 'new';
  let wasDisturbed = false;
  let isOurs = false;
  let pending:
    | { readonly sequence: number; readonly blocks: Block[]; isDamaged: boolean; words?: readonly string[] }
    | undefined;
  let coding: 'base64' | 'hex' = 'base64';
  let algorithm = 'sha256';
  let canUnzip = false;
  const digest = (bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

  const reader = createFrameReader(token, {
    onNoise: () => {
      if (!isOurs) news.ring();
    },
    onBlock: ({ name, text, bytes, digest: wanted }) => {
      if (!pending) return;
      const data = decodeBlock(text, coding);
      // once one is damaged, the later ones would leave a gap
      const isWhole = data.length === bytes && digest(data) === wanted;
      if (isWhole && !pending.isDamaged) pending.blocks.push({ name, bytes: data });
      else pending.isDamaged = true;
    },
    onAnswer: (sequence, words) => {
      if (sequence === 0) {
        if (words[0] === 'ready') state = 'ready';
        if (words[0] === 'bad') state = 'bad';
        if (words[0] === 'foreign') wasDisturbed = true;
        if (words[0] === 'bye')
          lost ??= new ConsoleLostError('somebody pressed Ctrl-C in the shared console', {
            isTakenOver: true,
          });
      } else if (pending?.sequence === sequence) pending.words = words;
      news.ring();
    },
  });
  const stopListening = channel.onData((bytes) => {
    lastByteAt = clock.now();
    if (!isOurs) seen = (seen + Buffer.from(bytes).toString('latin1')).slice(-20_000);
    reader.push(bytes);
    anyByte.ring();
  });
  void channel.ended.then(({ message }) => {
    lost ??= new ConsoleLostError(`the console ended${message === undefined ? '' : `: ${message}`}`);
    anyByte.ring();
    news.ring();
  });
  const type = (text: string): Promise<void> => channel.send(Buffer.from(text, 'latin1'));
  const leave = (): void => {
    stopListening();
    channel.close();
  };

  /** Waits until a condition holds; false when the time is over. */
  const until = async (condition: () => boolean, ms: number): Promise<boolean> => {
    const end = clock.now() + ms;
    while (!condition()) {
      if (lost) throw lost;
      const left = end - clock.now();
      if (left <= 0) return false;
      await within(clock, left, news.next(), signal);
    }
    return true;
  };
  /** Waits for the first output, then for silence. */
  const settle = async (): Promise<void> => {
    // dtach clears the screen before the shell has said anything
    const hasText = (): boolean => seen.replaceAll(escapes, '').trim() !== '';
    await until(hasText, firstOutputMs);
    const end = clock.now() + noisyMs;
    while (await within(clock, quietMs, anyByte.next(), signal)) {
      if (lost) throw lost;
      if (busyLine.test(seen) || /pv[0-9a-f]{18}[=<>]/.test(seen)) break;
      if (clock.now() > end) {
        throw new ConsoleBusyError('something is writing on the console all the time', { hint: hints.busy });
      }
    }
    if (lost) throw lost;
  };
  const holder = (): string | undefined => {
    const found = busyLine.exec(seen);
    return found?.[1] === `${halves.left}.${halves.right}` ? found[2] : undefined;
  };
  /** Ends an agent that an earlier session of ours left behind, also one that waits for the rest of its data. */
  const dismiss = async (old: string): Promise<void> => {
    await type(`\n.\n\n${old} 1 bye ;\n`);
    if (await until(() => seen.includes(`${old}=1 bye`), dismissMs)) await settle();
    seen = '';
  };
  const start = async (): Promise<void> => {
    const text = agentText(halves, options.places);
    for (const [turn, patience] of answerMs.entries()) {
      const wait = turn === 0 && previous !== undefined ? firstAnswerMs : patience;
      // a line that was typed earlier has got through meanwhile; one more would end up in the agent's text
      if (state !== 'new') break;
      await type(bootstrapLine(halves, text));
      if (await until(() => state !== 'new' || holder() !== undefined, wait)) break;
      // An agent of ours that waits for the rest of its data takes the line for a part of it.
      if (previous !== undefined) await dismiss(previous);
    }
    const other = holder();
    if (other !== undefined) {
      throw new ConsoleBusyError('another run of pvefleet is using the console', {
        hint: hints.busy,
        holder: other,
      });
    }
    if (state === 'new') {
      checkScreen(seen);
      // a run of somebody else that is taking data does not answer, but its answers can be seen
      const isOther = /pv[0-9a-f]{18}[=<>]/.test(seen);
      if (isOther)
        throw new ConsoleBusyError('another run of pvefleet is using the console', { hint: hints.busy });
      const line = lastLine(seen);
      throw new NoShellError(
        `no shell answers on the console${line === '' ? '' : `; its last line is '${line}'`}`,
        { hint: hints.program },
      );
    }
    if (state === 'bad') throw new ConsoleLostError('the shell was disturbed');
    pending = { sequence: 1, blocks: [], isDamaged: false };
    await type(`${text}\n.\n\n`);
    await until(() => pending?.words !== undefined || (state as string) === 'bad', silenceMs);
    const words = pending.words;
    if (!words) throw new ConsoleLostError('the shell was disturbed');
    if (words[0] !== 'ok') {
      throw new NoShellError(`the container cannot be worked in: ${words.slice(1).join(' ')}`);
    }
    coding = words[1] === 'hex' ? 'hex' : 'base64';
    algorithm = words[2]?.replace('sum', '') ?? algorithm;
    canUnzip = words[3] === 'gzip';
  };

  try {
    await settle();
    checkScreen(seen);
    try {
      await start();
    } catch (error) {
      const old = error instanceof ConsoleBusyError ? error.holder : undefined;
      if (old === undefined || !earlier.includes(old)) throw error;
      await dismiss(old);
      await start();
    }
  } catch (error) {
    leave();
    throw error;
  }

  isOurs = true;
  let sequence = 1;
  let spokeAt = clock.now();
  const over = new AbortController();
  const keepAlive = async (): Promise<void> => {
    while (!lost) {
      await clock.sleep(keepAliveMs, over.signal);
      const isAsking = pending !== undefined && !pending.words;
      if (isAsking || lost || clock.now() - spokeAt > idleMs) continue;
      spokeAt = clock.now();
      await type('\n');
    }
  };
  keepAlive().catch((error: unknown) => {
    if (!over.signal.aborted) lost ??= new ConsoleLostError(messageOf(error));
  });
  return {
    token,
    digestTool: `${algorithm}sum`,
    get wasDisturbed() {
      return wasDisturbed;
    },
    ask: async (words, data) => {
      if (lost) throw lost;
      if (clock.now() - spokeAt > idleMs)
        throw new ConsoleLostError('the console was idle', { isIdle: true });
      spokeAt = clock.now();
      sequence += 1;
      const asked: NonNullable<typeof pending> = { sequence, blocks: [], isDamaged: false };
      pending = asked;
      const [name = '', ...rest] = words;
      // PVE: dtach takes its input in pieces of 8 bytes, which makes this way a slow one
      const zipped = data && canUnzip ? gzipSync(data) : undefined;
      const sent = data && zipped && zipped.length < 0.9 * data.length ? zipped : data;
      const sums = data ? [sent === data ? 'plain' : 'gzip', String(data.length), digest(data)] : [];
      const line = [token, sequence, name, ...rest, ...sums, ';'].join(' ');
      await type(`${line}\n${sent ? encodeBlock(sent, coding) : ''}`);
      lastByteAt = clock.now();
      while (!asked.words) {
        if (lost) throw lost;
        const left = lastByteAt + silenceMs - clock.now();
        if (left <= 0) throw new ConsoleLostError('nothing comes from the console any more');
        await within(clock, left, news.next(), signal);
      }
      spokeAt = clock.now();
      return { words: asked.words, blocks: asked.blocks, isDamaged: asked.isDamaged };
    },
    abandon: () => {
      over.abort();
      leave();
    },
    release: async () => {
      over.abort();
      if (!lost && clock.now() - spokeAt <= idleMs) {
        sequence += 1;
        const asked: NonNullable<typeof pending> = { sequence, blocks: [], isDamaged: false };
        pending = asked;
        await type(`${token} ${sequence} bye ;\n`);
        const end = clock.now() + goodbyeMs;
        while (!asked.words && !lost && clock.now() < end) {
          await within(clock, Math.max(1, end - clock.now()), news.next());
        }
      }
      leave();
    },
  };
}
