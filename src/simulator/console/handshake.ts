/**
 * Turning a request into a websocket: the rules of pveproxy for its headers (transport-auth §11). Authentication, rights
 * and parameters are the pipeline's business and come first. No input or output here.
 */
import { createHash } from 'node:crypto';
import type { WireRequest } from '../wire/exchange.ts';

/** What the answer to a good handshake says. */
export interface Handshake {
  readonly accept: string;
  /** As the client sent it, a list with all its items; empty for none. */
  readonly protocol: string;
}

const acceptSalt = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Tells whether a request wants to become a websocket at all; other paths ignore the header.
 *
 * @param path - below the format, for example `/nodes/pve1/lxc/100/vncwebsocket`.
 */
export function wantsUpgrade(request: WireRequest, path: string): boolean {
  const upgrade = request.headers.get('upgrade') ?? '';
  return (
    request.upgradable === true && upgrade !== '' && request.method === 'GET' && path.endsWith('websocket')
  );
}

/**
 * Checks the headers.
 *
 * @param headers - of the request.
 * @returns what to answer, or the text of a refusal with status 500.
 */
export function readHandshake(headers: WireRequest['headers']): Handshake | string {
  const upgrade = (headers.get('upgrade') ?? '').toLowerCase();
  if (upgrade !== 'websocket') return `unable to upgrade to protocol '${upgrade}'`;
  const version = headers.get('sec-websocket-version') ?? '';
  if (version !== '13') return `unsupported websocket-version '${version}'`;
  const key = headers.get('sec-websocket-key') ?? '';
  if (key === '') return 'missing websocket-key';
  const accept = createHash('sha1').update(`${key}${acceptSalt}`).digest('base64');
  return { accept, protocol: headers.get('sec-websocket-protocol') ?? '' };
}

/**
 * Head of the answer, with its empty line; it carries none of the usual headers.
 *
 * @param handshake - what the headers asked for.
 */
export function switchingProtocols({ accept, protocol }: Handshake): string {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
