/**
 * A simulated cluster for tests: behind axios in the test's own process, and a minimal client of its own that shares
 * nothing with src/api, so that the simulator is not tested with the code it is there to test.
 */
import axios, { type AxiosInstance } from 'axios';
import { setupServer } from 'msw/node';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/index.ts';
import { createHandlers } from '../../src/simulator/msw.ts';
import { manualClock } from '../../src/util/clock.ts';

/** The simulator in front of axios. */
export interface InProcess {
  readonly sim: Simulator;
  /** Talks to the simulator as root@pam's token; never throws on a status. */
  readonly http: AxiosInstance;
  close(): void;
}

/**
 * Puts a simulator in front of axios; every request that it does not answer is an error.
 *
 * @param options - as for `createSimulator`; the clock is a manual one that moves by itself unless given.
 */
export function startInProcess(options: SimulatorOptions = {}): InProcess {
  const sim = createSimulator({ clock: manualClock(), ...options });
  const server = setupServer(...createHandlers(sim));
  server.listen({ onUnhandledRequest: 'error' });
  const { tokenId, tokenSecret } = sim.credentials;
  const http = axios.create({
    baseURL: 'https://pve.test:8006/api2/json',
    headers: { Authorization: `PVEAPIToken=${tokenId}=${tokenSecret}` },
    adapter: 'http',
    proxy: false,
    maxRedirects: 0,
    validateStatus: () => true,
  });
  return { sim, http, close: () => server.close() };
}

/** One request of {@link call}. */
export interface SimCall {
  readonly method?: string;
  /** Below `/api2/json`. */
  readonly path: string;
  /** Query of GET and DELETE, else a form; a list repeats its key. */
  readonly params?: Readonly<Record<string, string | number | readonly (string | number)[]>>;
  /** Whole Authorization header; default: root@pam's token; `null` for none. */
  readonly as?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** A body as it stands instead of `params`. */
  readonly body?: string;
  /** Instead of `/api2/json`. */
  readonly base?: string;
}

/** An answer; `data` is null where there is none. */
export interface SimAnswer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
  readonly text: string;
  readonly data: unknown;
  readonly message?: string;
  readonly errors?: Readonly<Record<string, string>>;
  readonly total?: number;
}

/** Header of root@pam's token. */
export function rootToken(sim: Pick<Simulator, 'credentials'>): string {
  return `PVEAPIToken=${sim.credentials.tokenId}=${sim.credentials.tokenSecret}`;
}

/** Sends one request to a simulator. */
export async function call(sim: Simulator, request: SimCall): Promise<SimAnswer> {
  const { method = 'GET', path, params = {}, base = '/api2/json', as = rootToken(sim) } = request;
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const item of [value].flat()) form.append(key, String(item));
  }
  const inBody = method === 'POST' || method === 'PUT';
  const query = !inBody && form.size > 0 ? `?${form}` : '';
  const body = request.body ?? (inBody ? form.toString() : undefined);
  const response = await sim.fetch(
    new Request(`https://pve.test:8006${base}${path}${query}`, {
      method,
      headers: {
        ...(as === null ? {} : { authorization: as }),
        ...(inBody ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        ...request.headers,
      },
      ...(body === undefined ? {} : { body }),
    }),
  );
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  const envelope = isJson ? (JSON.parse(text) as Partial<SimAnswer>) : {};
  const { status, statusText: reason, headers } = response;
  return { data: null, ...envelope, status, reason, headers, text };
}

/** A ticket login: headers for requests that read and for requests that write. */
export async function login(
  sim: Simulator,
  username: string,
  password: string,
): Promise<{ read: Record<string, string>; write: Record<string, string>; ticket: string; csrf: string }> {
  const answer = await call(sim, {
    method: 'POST',
    path: '/access/ticket',
    params: { username, password },
    as: null,
  });
  if (answer.status !== 200) throw new Error(`login as ${username}: ${answer.status} ${answer.reason}`);
  const { ticket, CSRFPreventionToken: csrf } = answer.data as {
    ticket: string;
    CSRFPreventionToken: string;
  };
  const read = { cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}` };
  return { read, write: { ...read, CSRFPreventionToken: csrf }, ticket, csrf };
}

/** Follows a task to its end; the clock of the simulator must move by itself. */
export async function waitTask(
  sim: Simulator,
  upid: unknown,
): Promise<{ exitstatus: string; log: string[] }> {
  const path = `/nodes/${String(upid).split(':')[1]}/tasks/${encodeURIComponent(String(upid))}`;
  for (;;) {
    const { data, reason } = await call(sim, { path: `${path}/status` });
    const status = data as { status: string; exitstatus?: string } | null;
    if (!status) throw new Error(`no task ${String(upid)}: ${reason}`);
    if (status.status === 'stopped') {
      const log = await call(sim, { path: `${path}/log`, params: { limit: 0 } });
      return {
        exitstatus: status.exitstatus ?? '',
        log: (log.data as { t: string }[]).map(({ t }) => t),
      };
    }
    await sim.clock.sleep(200);
  }
}
