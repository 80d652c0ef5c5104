/** Connections of the server: how long they last, and what comes over them. */
import { Agent, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSimulator } from '../../../src/simulator/index.ts';
import { type RunningServer, startServer } from '../../../src/simulator/server.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { rootToken } from '../../support/simulator.ts';

describe('the server', () => {
  const sim = createSimulator({ clock: manualClock() });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let server: RunningServer;
  const connections = new Set<object>();
  beforeAll(async () => {
    server = await startServer(sim, { host: '127.0.0.1', port: 0, http: true });
  });
  afterAll(async () => {
    agent.destroy();
    await server.close();
  });

  const get = (
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; connection: string; encoding: string; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        `${server.url}/api2/json${path}`,
        { agent, headers: { Authorization: rootToken(sim), ...headers } },
        (message) => {
          const chunks: Buffer[] = [];
          message.on('data', (chunk: Buffer) => chunks.push(chunk));
          message.once('end', () =>
            resolve({
              status: message.statusCode ?? 0,
              connection: String(message.headers.connection).toLowerCase(),
              encoding: message.headers['content-encoding'] ?? '',
              body: Buffer.concat(chunks),
            }),
          );
        },
      );
      outgoing.once('socket', (socket) => connections.add(socket));
      outgoing.once('error', reject);
      outgoing.end();
    });

  it('ends a connection with its hundredth answer, which is an answer like all others', async () => {
    const answers = [];
    for (let index = 0; index < 250; index += 1) answers.push(await get('/version'));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const closing = answers.flatMap(({ connection }, index) => (connection === 'close' ? [index + 1] : []));
    expect(closing).toEqual([100, 200]);
    expect(connections.size).toBe(3);
  });

  it('compresses long answers for those who take it', async () => {
    const plain = await get('/nodes/pve1/aplinfo');
    const packed = await get('/nodes/pve1/aplinfo', { 'Accept-Encoding': 'gzip, deflate' });
    expect([plain.encoding, packed.encoding]).toEqual(['', 'gzip']);
    expect(packed.body.length).toBeLessThan(plain.body.length / 2);
    expect(gunzipSync(packed.body).toString()).toBe(plain.body.toString());
  });
});
