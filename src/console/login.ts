/**
 * From a websocket to a channel: says who we are, waits for the greeting, then passes bytes on, shows signs of life and
 * notices when the other side shows none. Knows no API calls.
 */
import type { Websocket, WebsocketEnd, WebsocketListeners } from '../api/websocket.ts';
import type { Clock } from '../util/clock.ts';
import type { ConsoleChannel, ConsoleEnd } from './channel.ts';
import {
  encodeInput,
  encodeKeepAlive,
  encodeLogin,
  encodeResize,
  greetingReader,
  keepAliveMs,
} from './wire.ts';

/** Who opens the console; from the answer of termproxy. */
export interface Ticket {
  readonly user: string;
  readonly ticket: string;
}

/** After so many rounds of keep-alive without any answer the connection is given up. */
const silentRounds = 3;

type DataListener = (bytes: Uint8Array) => void;

/** Passes bytes to listeners; keeps those that come before the first one. */
function createOutlet(): { push: DataListener; listen: (listener: DataListener) => () => void } {
  const listeners = new Set<DataListener>();
  let kept: Uint8Array[] | undefined = [];
  return {
    push: (bytes) => {
      if (bytes.length === 0) return;
      if (kept) kept.push(bytes);
      else for (const listener of [...listeners]) listener(bytes);
    },
    listen: (listener) => {
      // An object of its own, so that the same function may listen twice.
      const own: DataListener = (bytes) => listener(bytes);
      listeners.add(own);
      const early = kept ?? [];
      kept = undefined;
      for (const bytes of early) own(bytes);
      return () => listeners.delete(own);
    },
  };
}

function toEnd({ by, reason }: WebsocketEnd): ConsoleEnd {
  if (by === 'broken') return { reason: 'lost', message: reason ?? 'the connection was cut' };
  return { reason: 'closed' };
}

/** A channel that is not open before `ready` resolves with `true`. */
export interface PendingChannel {
  /** Resolves with whether the server has let us in; where not, `channel.ended` tells why. */
  readonly ready: Promise<boolean>;
  readonly channel: ConsoleChannel;
}

/**
 * Opens a websocket and logs in to the console behind it.
 *
 * @param open - opens the websocket.
 * @param who - user and ticket.
 * @param clock - for the signs of life.
 * @returns the channel; nobody has let us in yet.
 * @throws what `open` throws.
 */
export async function logIn(
  open: (listeners: WebsocketListeners) => Promise<Websocket>,
  who: Ticket,
  clock: Clock,
): Promise<PendingChannel> {
  const outlet = createOutlet();
  const read = greetingReader();
  const over = new AbortController();
  let state: 'waiting' | 'accepted' | 'refused' = 'waiting';
  let refusal = '';
  let silent = 0;
  let settle: (accepted: boolean) => void;
  const greeted = new Promise<boolean>((resolve) => {
    settle = resolve;
  });

  const greet = (bytes: Uint8Array): void => {
    const greeting = read(bytes);
    state = greeting.state;
    if (greeting.state === 'waiting') return;
    if (greeting.state === 'accepted') outlet.push(greeting.rest);
    else refusal = greeting.text;
    settle(greeting.state === 'accepted');
  };
  const socket = await open({
    onMessage: (bytes) => {
      silent = 0;
      if (state === 'waiting') greet(bytes);
      else if (state === 'accepted') outlet.push(bytes);
    },
    onPong: () => {
      silent = 0;
    },
  });

  const ended = socket.ended.then((end): ConsoleEnd => {
    over.abort();
    const wasWaiting = state === 'waiting';
    settle(false);
    // Without a greeting the only reason for a good end is that the ticket was not taken.
    if (state === 'refused' || (wasWaiting && end.by === 'server'))
      return { reason: 'refused', ...(refusal === '' ? {} : { message: refusal }) };
    return toEnd(end);
  });

  const keepAlive = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(keepAliveMs, over.signal);
      silent += 1;
      if (silent > silentRounds) {
        socket.abandon(`nothing was heard of the server for ${(silentRounds * keepAliveMs) / 1000} s`);
        return;
      }
      void socket.send(encodeKeepAlive());
      socket.ping();
    }
  };
  keepAlive().catch((error: unknown) => {
    // Woken by the end of the console; anything else would be a failing clock, with which the connection cannot be watched.
    if (!over.signal.aborted) socket.abandon(String(error));
  });

  void socket.send(encodeLogin(who.user, who.ticket));
  return {
    ready: greeted,
    channel: {
      ended,
      send: async (bytes) => {
        for (const message of encodeInput(bytes)) await socket.send(message);
      },
      resize: (columns, rows) => {
        const message = encodeResize(columns, rows);
        if (message) void socket.send(message);
      },
      onData: outlet.listen,
      close: () => socket.close(),
    },
  };
}
