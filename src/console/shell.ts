/**
 * A container's shell that is still there after the connection broke: opens consoles, takes their shell, asks, and does
 * it all again when it has to. Only for requests that may be repeated, and all of the agent's may.
 */
import type { Clock } from '../util/clock.ts';
import type { AgentPlaces } from './agent-script.ts';
import type { ConsoleChannel } from './channel.ts';
import { ConsoleBusyError, ConsoleLostError, TransferError } from './errors.ts';
import { type Answer, type ShellSession, takeShell } from './shell-session.ts';

/** What a shell needs from outside. */
export interface ShellOptions {
  /** Opens the container's console. */
  readonly open: () => Promise<ConsoleChannel>;
  /** Whether a failed opening may be tried again: the connection, not the permission, was the reason. */
  readonly mayReopen: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Random number in [0, 1), for the jitter of waits. */
  readonly random: () => number;
  /** Wait while somebody else uses the console. */
  readonly wait?: boolean;
  readonly places?: AgentPlaces;
  /** Told when the connection broke or somebody else has the console; before waiting. */
  readonly onWait?: (because: string, inMs: number) => void;
}

/** A container's shell. */
export interface Shell {
  /** Asks the agent, on a new connection where the old one broke. */
  ask(words: readonly string[], data?: Uint8Array): Promise<Answer>;
  /** Tool of the container that makes checksums, such as `sha256sum`; known once something was asked. */
  readonly digestTool: string;
  /** Somebody typed into the shared console while we had it. */
  readonly wasDisturbed: boolean;
  /** From now on it waits for others without being told to: work has begun. */
  insist(): void;
  /** Gives the shell back. */
  close(): Promise<void>;
}

const lostTries = 8;
/** How long the console is waited for once work has begun, in milliseconds. */
const insistMs = 120_000;
const takenOverMs = 5000;
const busyMs = 3000;
const firstPauseMs = 300;
const longestPauseMs = 15_000;
const damagedTries = 6;

/**
 * Builds the shell of a container; opens nothing yet.
 *
 * @param options - how to open its console.
 * @returns the shell.
 */
export function createShell(options: ShellOptions): Shell {
  const { clock, signal, random } = options;
  const tokens: string[] = [];
  let session: ShellSession | undefined;
  let digestTool = '';
  let wasDisturbed = false;
  let isInsisting = false;

  const pause = async (because: unknown, ms: number): Promise<void> => {
    const inMs = Math.round(ms * (0.5 + random()));
    options.onWait?.(because instanceof Error ? because.message : String(because), inMs);
    await clock.sleep(inMs, signal);
  };
  const drop = (): void => {
    if (!session) return;
    wasDisturbed ||= session.wasDisturbed;
    session = undefined;
  };
  const take = async (): Promise<ShellSession> => {
    const channel = await options.open();
    const taken = await takeShell(channel, {
      clock,
      tokens,
      ...(signal ? { signal } : {}),
      ...(options.places ? { places: options.places } : {}),
    });
    digestTool = taken.digestTool;
    return taken;
  };
  /** Takes the shell, with as much patience as is due. */
  const hold = async (): Promise<ShellSession> => {
    const since = clock.now();
    for (let lost = 0; !session; ) {
      try {
        session = await take();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof ConsoleBusyError) {
          if (!options.wait && !(isInsisting && clock.now() - since < insistMs)) throw error;
          await pause(error, busyMs);
        } else {
          lost += 1;
          const isLost = error instanceof ConsoleLostError || options.mayReopen(error);
          if (!isLost || lost >= (isInsisting ? lostTries : 3)) throw error;
          await pause(error, Math.min(longestPauseMs, firstPauseMs * 2 ** lost));
        }
      }
    }
    return session;
  };

  return {
    async ask(words, data) {
      for (let damaged = 0, lost = 0; ; ) {
        const held = await hold();
        try {
          const answer = await held.ask(words, data);
          const isBad = answer.isDamaged || answer.words[0] === 'bad';
          // whole blocks in front of a damaged one are progress
          if (!isBad || answer.blocks.length > 0) return answer;
          damaged += 1;
          if (damaged >= damagedTries) {
            throw new TransferError('data is damaged on its way over the console, again and again', {
              hint: 'is somebody typing in the same console, or something writing on it?',
            });
          }
        } catch (error) {
          if (!(error instanceof ConsoleLostError)) throw error;
          held.abandon();
          drop();
          signal?.throwIfAborted();
          lost += 1;
          if (lost >= lostTries) throw error;
          if (!error.isIdle) await pause(error, error.isTakenOver ? takenOverMs : firstPauseMs * lost);
        }
      }
    },
    get digestTool() {
      return digestTool;
    },
    get wasDisturbed() {
      return wasDisturbed || (session?.wasDisturbed ?? false);
    },
    insist: () => {
      isInsisting = true;
    },
    async close() {
      const held = session;
      drop();
      await held?.release();
    },
  };
}
