/** Opening a simulated console as a client does: POST termproxy, websocket, login line. */

import { goodHeaders, openRaw, type RawConsole } from './console-client.ts';
import type { ConsoleSimulator } from './console-simulator.ts';
import { call } from './simulator.ts';

/** Answer to POST termproxy. */
export interface TermProxyAnswer {
  readonly user: string;
  readonly ticket: string;
  readonly port: string;
  readonly upid: string;
}

/** Starts a termproxy as root@pam's token, or as whoever has these headers. */
export async function postTermProxy(
  { simulator }: Pick<ConsoleSimulator, 'simulator'>,
  vmid: number,
  headers?: Readonly<Record<string, string>>,
): Promise<TermProxyAnswer> {
  const node = Object.keys(simulator.state.nodes)[0] as string;
  const at = simulator.state.containers[vmid]?.node ?? node;
  const answer = await call(simulator, {
    method: 'POST',
    path: `/nodes/${at}/lxc/${vmid}/termproxy`,
    ...(headers ? { as: null, headers } : {}),
  });
  if (answer.status !== 200) throw new Error(`termproxy: ${answer.status} ${answer.reason}`);
  return answer.data as TermProxyAnswer;
}

/** Path of the websocket that belongs to a termproxy. */
export function socketPath(vmid: number, { port, ticket }: TermProxyAnswer, node = 'pve1'): string {
  return `/api2/json/nodes/${node}/lxc/${vmid}/vncwebsocket?port=${port}&vncticket=${encodeURIComponent(ticket)}`;
}

/** Opens the websocket of a termproxy; nothing is sent on it yet. */
export function openSocket(sim: ConsoleSimulator, vmid: number, proxy: TermProxyAnswer): Promise<RawConsole> {
  const node = sim.simulator.state.containers[vmid]?.node ?? 'pve1';
  return openRaw({
    url: sim.url,
    path: socketPath(vmid, proxy, node),
    headers: { ...goodHeaders, Authorization: sim.authorization },
  });
}

/** Opens a console and logs in to it. */
export async function openConsole(sim: ConsoleSimulator, vmid: number): Promise<RawConsole> {
  const proxy = await postTermProxy(sim, vmid);
  const console = await openSocket(sim, vmid, proxy);
  console.send(`${proxy.user}:${proxy.ticket}\n`);
  await console.until('\x1b[H\x1b[J');
  return console;
}
