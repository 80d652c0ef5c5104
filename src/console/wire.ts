/**
 * What travels on a console's websocket, in both directions. Pure: bytes in, bytes out, no sockets and no time.
 * Source: contract lxc-endpoints §G (termproxy), the same from Proxmox VE 7.4 to 9.2.
 */

/** Payload of one message that types into the terminal; below what pveproxy takes in one frame (128 KiB). */
const maxMessageBytes = 0xffff;

/** How often to say that we are still there, in milliseconds. */
export const keepAliveMs = 30_000;

const text = new TextEncoder();

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * The first message: who we are.
 *
 * @param user - as the answer of termproxy names us, `user@realm` or `user@realm!token`.
 * @param ticket - the ticket of that answer.
 * @returns the message.
 */
export function encodeLogin(user: string, ticket: string): Uint8Array {
  return text.encode(`${user}:${ticket}\n`);
}

/**
 * Typed bytes.
 *
 * @param bytes - any; a character may be split over two messages, since the other side only passes bytes on.
 * @returns the messages, in order; none for nothing.
 */
export function encodeInput(bytes: Uint8Array): Uint8Array[] {
  const room = maxMessageBytes - `0:${maxMessageBytes}:`.length;
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += room) {
    const piece = bytes.subarray(at, at + room);
    messages.push(joined(text.encode(`0:${piece.length}:`), piece));
  }
  return messages;
}

/**
 * The size of the window.
 *
 * @param columns - width in characters.
 * @param rows - height in lines.
 * @returns the message, or `undefined` for a size that no terminal has.
 */
export function encodeResize(columns: number, rows: number): Uint8Array | undefined {
  const isSize = (value: number): boolean => Number.isInteger(value) && value > 0 && value <= 0xffff;
  return isSize(columns) && isSize(rows) ? text.encode(`1:${columns}:${rows}:`) : undefined;
}

/**
 * The sign of life.
 *
 * @returns the message.
 */
export function encodeKeepAlive(): Uint8Array {
  return text.encode('2');
}

/** What the greeting was, so far. */
export type Greeting =
  | { readonly state: 'waiting' }
  /** `rest` is output of the terminal already. */
  | { readonly state: 'accepted'; readonly rest: Uint8Array }
  | { readonly state: 'refused'; readonly text: string };

/**
 * Reads the answer to the login: the two bytes `OK`, in one piece or two, with or without output behind them.
 *
 * @returns a function that takes the next bytes and tells what the greeting is so far; not to be called again once it is
 *   no longer `waiting`.
 */
export function greetingReader(): (bytes: Uint8Array) => Greeting {
  const wanted = text.encode('OK');
  let seen = new Uint8Array() as Uint8Array;
  return (bytes) => {
    seen = joined(seen, bytes);
    if (wanted.subarray(0, seen.length).some((byte, at) => seen[at] !== byte))
      return { state: 'refused', text: new TextDecoder().decode(seen).trim() };
    return seen.length < wanted.length
      ? { state: 'waiting' }
      : { state: 'accepted', rest: seen.subarray(wanted.length) };
  };
}
