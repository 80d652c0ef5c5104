/**
 * A connection that has become a websocket (transport-auth §11): frames in, frames out, nothing of what is in them.
 */
import type { Duplex } from 'node:stream';
import { createFrameReader, encodeFrame, type Frame, maxPayloadBytes, opcodes } from './frames.ts';
import { type Handshake, switchingProtocols } from './handshake.ts';
import type { Viewer } from './session.ts';
import type { TermInput } from './termproxy.ts';

/** Sends what is left, then ends the connection, as the real server does: no close frame, the client sees 1006. */
function drop(socket: Duplex): void {
  socket.end(() => socket.destroy());
}

/**
 * Serves a websocket.
 *
 * @param socket - of the request; nothing has been answered yet.
 * @param head - what came behind the request.
 * @param connect - connects to the port that was asked for; undefined when nobody listens there. The real server then
 *   never answers, and neither does this.
 */
export function serveWebSocket(
  socket: Duplex,
  head: Buffer,
  handshake: Handshake,
  connect: (client: Viewer) => TermInput | undefined,
): void {
  socket.on('error', () => socket.destroy());
  const input = connect({
    send: (bytes) => {
      if (!socket.writable) return true;
      let isReady = true;
      for (let at = 0; at < bytes.length; at += maxPayloadBytes)
        isReady = socket.write(encodeFrame(opcodes.binary, bytes.subarray(at, at + maxPayloadBytes)));
      return isReady;
    },
    close: () => drop(socket),
  });
  if (!input) return;
  const read = createFrameReader();
  const answer = ({ opcode, payload }: Frame): void => {
    if (opcode === opcodes.ping) socket.write(encodeFrame(opcodes.pong, payload));
    else if (opcode === opcodes.close) drop(socket);
  };
  const take = (bytes: Buffer): void => {
    let frames: Frame[];
    try {
      frames = read(bytes);
    } catch {
      socket.destroy(); // what the server does with frames that it does not take
      return;
    }
    for (const frame of frames) answer(frame);
    // What arrives together reaches termproxy together: the proxy only copies bytes.
    const data = frames.filter(({ opcode }) => opcode === opcodes.text || opcode === opcodes.binary);
    if (data.length > 0) input.receive(Buffer.concat(data.map(({ payload }) => payload)));
  };
  socket.write(switchingProtocols(handshake));
  socket.on('data', take);
  socket.on('drain', () => input.drained());
  socket.on('end', () => socket.destroy());
  socket.on('close', () => input.gone());
  if (head.length > 0) take(head);
}
