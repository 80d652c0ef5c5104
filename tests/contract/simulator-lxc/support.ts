/** A simulated cluster with a short way to call its API; time is manual, so that nothing waits. */
import { createSimulator, type SeedName, type Simulator } from '../../../src/simulator/index.ts';
import type { SimContainer, SimState, SimTask } from '../../../src/simulator/model/state.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';

export type Params = Readonly<Record<string, string | number>>;

/** An answer; `data` is the UPID where a task was started. */
interface Answer {
  readonly status: number;
  readonly message: string;
  readonly data: unknown;
  readonly errors: Readonly<Record<string, string>>;
}

export interface Bench {
  readonly sim: Simulator;
  readonly state: SimState;
  readonly clock: ManualClock;
  /** Calls the API below `/api2/json`. `as`: Authorization header; default: a token of root. */
  call(method: string, path: string, params?: Params, as?: string): Promise<Answer>;
  /** Calls the API and waits for all tasks; fails unless the answer is 200. */
  task(method: string, path: string, params?: Params, as?: string): Promise<SimTask>;
  /** Makes a container on pve1 and waits; fails unless the task ended well. */
  create(vmid: number, params?: Params): Promise<SimContainer>;
  container(vmid: number): SimContainer;
  /** Lets time pass on a clock that does not move by itself. Tasks end only after somebody could have seen them. */
  pass(ms: number): Promise<void>;
  /** Log in as root@pam: a ticket, which may do more than any token. */
  rootTicket(): Promise<string>;
}

/** A template that lies on `local` of pve1. */
export function templateOf(state: SimState, start: string): string {
  const volume = Object.values(state.volumes).find(
    ({ content, volid }) => content === 'vztmpl' && volid.includes(`vztmpl/${start}`),
  );
  if (!volume) throw new Error(`no template ${start}`);
  return volume.volid;
}

/**
 * Sets a cluster up.
 *
 * @param options.auto - false: time stands still unless the test moves it.
 * @param options.change - changes the state before the cluster starts.
 */
export function bench(
  seed: SeedName | SimState,
  options: { auto?: boolean; change?: (state: SimState) => void } = {},
): Bench {
  const clock = manualClock({ auto: options.auto ?? true });
  const sim = createSimulator({ seed, clock });
  const { state, credentials } = sim;
  options.change?.(state);
  const token = `PVEAPIToken=${credentials.tokenId}=${credentials.tokenSecret}`;
  const call: Bench['call'] = async (method, path, params = {}, as = token) => {
    const form = new URLSearchParams(
      Object.entries(params).map(([key, value]): [string, string] => [key, String(value)]),
    );
    const query = method === 'GET' || method === 'DELETE';
    const url = `https://sim.test/api2/json${path}${query && form.size > 0 ? `?${form}` : ''}`;
    const ticket = as.startsWith('PVE:')
      ? JSON.parse(Buffer.from(as.split('#')[1] ?? '', 'base64').toString())
      : undefined;
    const response = await sim.fetch(
      new Request(url, {
        method,
        headers: {
          ...(ticket
            ? {
                cookie: `PVEAuthCookie=${encodeURIComponent(ticket.ticket)}`,
                CSRFPreventionToken: ticket.csrf,
              }
            : as === 'none'
              ? {}
              : { authorization: as }),
          ...(query ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(query ? {} : { body: form.toString() }),
      }),
    );
    const body = (await response.json()) as {
      data?: unknown;
      message?: string;
      errors?: Record<string, string>;
    };
    return {
      status: response.status,
      message: (body.message ?? '').trimEnd(),
      data: body.data ?? null,
      errors: body.errors ?? {},
    };
  };
  const task: Bench['task'] = async (method, path, params, as) => {
    const answer = await call(method, path, params, as);
    if (answer.status !== 200)
      throw new Error(
        `${method} ${path}: ${answer.status} ${answer.message} ${JSON.stringify(answer.errors)}`,
      );
    await sim.settle();
    const found = state.tasks[String(answer.data)];
    if (!found) throw new Error(`${method} ${path}: no task but ${JSON.stringify(answer.data)}`);
    return found;
  };
  const container = (vmid: number): SimContainer => {
    const found = state.containers[vmid];
    if (!found) throw new Error(`no container ${vmid}`);
    return found;
  };
  return {
    sim,
    state,
    clock,
    call,
    task,
    container,
    async pass(ms) {
      await call('GET', '/version');
      await clock.advance(ms);
    },
    async create(vmid, params = {}) {
      const done = await task('POST', '/nodes/pve1/lxc', {
        vmid,
        ostemplate: templateOf(state, 'alpine'),
        hostname: `c${vmid}`,
        ...params,
      });
      if (done.exitstatus !== 'OK') throw new Error(`create ${vmid}: ${done.exitstatus}`);
      return container(vmid);
    },
    async rootTicket() {
      const { username, password } = credentials;
      const { data } = await call('POST', '/access/ticket', { username, password }, 'none');
      const { ticket, CSRFPreventionToken: csrf } = data as { ticket: string; CSRFPreventionToken: string };
      return `PVE:#${Buffer.from(JSON.stringify({ ticket, csrf })).toString('base64')}`;
    },
  };
}

/** Keys that wait for a restart, as GET pending tells. */
export async function waitingKeys(lab: Bench, vmid: number): Promise<string[]> {
  const { data } = await lab.call('GET', `/nodes/pve1/lxc/${vmid}/pending`);
  const rows = data as { key: string; pending?: unknown; delete?: number }[];
  return rows.filter((row) => row.pending !== undefined || row.delete !== undefined).map(({ key }) => key);
}
