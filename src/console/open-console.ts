/**
 * Opens the console of a container: termproxy, then the websocket, both at the server that answered first, because the
 * ticket, the port and its listener exist only there (contract lxc-endpoints §G).
 */
import { PveAuthError } from '../api/errors/auth-error.ts';
import { PveConflictError } from '../api/errors/conflict-error.ts';
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { PvePermissionError } from '../api/errors/permission-error.ts';
import { PveProtocolError } from '../api/errors/protocol-error.ts';
import type { RequestInfo } from '../api/errors/pve-error.ts';
import type { PinnedServer, PveClient } from '../api/types.ts';
import type { ApiRequest } from '../schema/request.ts';
import { abortable } from '../util/abort.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import type { ConsoleChannel, ConsoleEnd, OpenConsoleOptions } from './channel.ts';
import { logIn, type Ticket } from './login.ts';

const defaultTimeoutMs = 20_000;

const hints = {
  token:
    'log in with a password for this (PVEFLEET_USERNAME, PVEFLEET_PASSWORD); API tokens open consoles from Proxmox VE 9.1',
  ticket:
    'a console ticket is good for half a minute and at the node that gave it: check the clock of the nodes, and if the URL is that of a load balancer use those of the nodes',
  lost: 'check the network between here and the server, and that nothing in between cuts websockets',
  slow: 'the server took the connection but does not open the console; look at its task list for the reason',
} as const;

interface Place extends Pick<OpenConsoleOptions, 'node' | 'vmid'> {
  /** For messages. */
  readonly request: RequestInfo;
}

function placeOf({ node, vmid }: OpenConsoleOptions): Place {
  const path = `/nodes/${encodeURIComponent(node)}/lxc/${vmid}/termproxy`;
  return {
    node,
    vmid,
    request: { method: 'POST', path, doing: `open the console of CT ${vmid} on ${node}` },
  };
}

const termproxy = ({ node, vmid }: Place): ApiRequest => ({
  method: 'POST',
  path: '/nodes/{node}/lxc/{vmid}/termproxy',
  params: { node, vmid },
});

/** PVE: termproxy does not look whether the container runs; it would open a console that ends at once. */
async function checkRunning(
  client: PveClient,
  place: Place,
  options: { readonly signal: AbortSignal; readonly once: boolean },
): Promise<void> {
  const { node, vmid, request } = place;
  let status: unknown;
  try {
    const current = await client.get('/nodes/{node}/lxc/{vmid}/status/current', { node, vmid }, options);
    ({ status } = current as { status?: unknown });
  } catch (error) {
    // The right to use a console does not include the right to look (VM.Audit).
    if (error instanceof PvePermissionError) return;
    throw error;
  }
  if (status === 'running') return;
  throw new PveConflictError({
    request,
    reason: 'the container is not running',
    kind: 'not-running',
    hint: `start it first: pvefleet start ${vmid}`,
  });
}

/** What termproxy answers; numbers may come as text. */
function readTicket(answer: unknown, { request }: Place): Ticket & { readonly port: number } {
  const { user, ticket, port } = (answer ?? {}) as Record<string, unknown>;
  const number = Number(port);
  if (typeof user === 'string' && typeof ticket === 'string' && Number.isInteger(number) && number > 0)
    return { user, ticket, port: number };
  throw new PveProtocolError({ request, reason: 'the server gave no ticket for it' });
}

async function versionOf(server: PinnedServer, signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await server.request({ method: 'GET', path: '/version', params: {} }, { signal });
    const { version } = (answer ?? {}) as Record<string, unknown>;
    return typeof version === 'string' ? version : undefined;
  } catch (error) {
    signal.throwIfAborted();
    // Only asked for to explain a failure; without it the explanation is a little less certain.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function isBefore91(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 9 || (major === 9 && minor < 1);
}

/** Says what it means when the server gave a ticket and then does not take it. */
async function explainRefusal(
  server: PinnedServer,
  { user, request, reason }: { user: string; request: RequestInfo; reason: string },
  signal: AbortSignal,
): Promise<PveAuthError> {
  const isToken = user.includes('!');
  const version = isToken ? await versionOf(server, signal) : undefined;
  if (version !== undefined && isBefore91(version)) {
    return new PveAuthError({
      request,
      reason: `API tokens cannot open consoles on Proxmox VE ${version} (${reason})`,
      hint: hints.token,
    });
  }
  const hint = isToken && version === undefined ? hints.token : hints.ticket;
  return new PveAuthError({ request, reason, hint });
}

function whyNot(end: ConsoleEnd, request: RequestInfo): PveConnectionError {
  return new PveConnectionError({
    request,
    reason: end.message ?? 'the connection ended before the console was open',
    sent: 'no',
    errno: 'ECONNRESET',
    hint: hints.lost,
  });
}

/** All of it at one server. */
async function openAt(
  server: PinnedServer,
  place: Place,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ConsoleChannel> {
  const { node, vmid, request } = place;
  const who = readTicket(await server.request(termproxy(place), { signal, timeoutMs }), place);
  const websocket: ApiRequest = {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/vncwebsocket',
    params: { node, vmid, port: who.port, vncticket: who.ticket },
  };
  const refused = (reason: string): Promise<PveAuthError> =>
    explainRefusal(server, { user: who.user, request, reason }, signal);
  const { ready, channel } = await logIn(
    (listeners) => server.openWebsocket(websocket, listeners, { signal, timeoutMs }),
    who,
    clock,
  ).catch(async (error: unknown) => {
    throw error instanceof PveAuthError ? await refused(error.reason) : error;
  });
  try {
    if (await abortable(ready, signal)) return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
  channel.close();
  const end = await channel.ended;
  throw end.reason === 'refused'
    ? await refused(end.message ?? 'the server did not take its own ticket')
    : whyNot(end, request);
}

/**
 * Opens the console of a container.
 *
 * @param client - the API; its URLs are tried in turn, each with the whole of it.
 * @param options - which container, the size of the terminal, how long it may take.
 * @returns the open channel; what the console shows depends on the container's `cmode`.
 * @throws {@link PveConflictError} (`not-running`) for a container that does not run, {@link PveAuthError} when the
 *   server does not take its own ticket (API tokens before Proxmox VE 9.1), {@link PvePermissionError} without
 *   `VM.Console`, {@link PveConnectionError} when it is not open in time, or another error of the API.
 */
export async function openConsole(client: PveClient, options: OpenConsoleOptions): Promise<ConsoleChannel> {
  const { columns, rows, signal, timeoutMs = defaultTimeoutMs, clock = systemClock, once = false } = options;
  signal?.throwIfAborted();
  const place = placeOf(options);
  const over = new AbortController();
  const stop = new AbortController();
  signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true, signal: over.signal });
  clock.sleep(timeoutMs, over.signal).then(
    () =>
      stop.abort(
        new PveConnectionError({
          request: place.request,
          reason: `it was not open within ${timeoutMs / 1000} s`,
          sent: 'no',
          errno: 'ETIMEDOUT',
          hint: hints.slow,
        }),
      ),
    () => undefined, // The timer was stopped because the console is open, or will never be.
  );
  let channel: ConsoleChannel;
  try {
    await checkRunning(client, place, { signal: stop.signal, once });
    channel = await client.atOneServer(
      termproxy(place),
      (server) => openAt(server, place, clock, timeoutMs, stop.signal),
      { signal: stop.signal, once },
    );
  } finally {
    over.abort();
  }
  if (columns !== undefined && rows !== undefined) channel.resize(columns, rows);
  if (signal && !options.staysOpen) {
    const close = (): void => channel.close();
    if (signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    void channel.ended.then(() => signal.removeEventListener('abort', close));
  }
  return channel;
}
