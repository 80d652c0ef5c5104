/** A simulated reference cluster on a clock that moves by itself, and short ways to ask it. */

import { createSimulator, type SeedName, type Simulator } from '../../../src/simulator/index.ts';
import { manualClock } from '../../../src/util/clock.ts';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly data: unknown;
  readonly errors?: Readonly<Record<string, string>>;
  readonly message?: string;
  readonly total?: number;
  readonly text: string;
}

export interface Lab {
  readonly sim: Simulator;
  readonly advance: (ms: number) => Promise<void>;
  /** Sends a request; parameters are the query of GET and DELETE, else a form. */
  call(method: string, path: string, params?: Params, as?: string): Promise<Answer>;
  /** Data of an answer that must be good. */
  ok(method: string, path: string, params?: Params, as?: string): Promise<unknown>;
  /** Starts a task and waits for its end. */
  task(method: string, path: string, params?: Params, as?: string): Promise<TaskResult>;
  wait(upid: unknown): Promise<TaskResult>;
}

interface TaskResult {
  readonly upid: string;
  readonly type: string;
  readonly id: string;
  readonly exitstatus: string;
  readonly log: string[];
}

export type Params = Readonly<Record<string, string | number | readonly (string | number)[]>>;
export type Row = Readonly<Record<string, unknown>>;

/** Tokens of the reference cluster (reference-cluster.md). */
const tokens: Readonly<Record<string, string>> = {
  root: 'root@pam!oracle=11111111-1111-4111-8111-111111111111',
  ci: 'automation@pve!ci=22222222-2222-4222-8222-222222222222',
  operator: 'automation@pve!full=33333333-3333-4333-8333-333333333333',
  auditor: 'auditor@pve!ro=44444444-4444-4444-8444-444444444444',
};

const alpine = 'local:vztmpl/alpine-3.22-default_20250617_amd64.tar.xz';

function encode(params: Params): string {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(params))
    for (const item of [value].flat()) form.append(key, String(item));
  return form.toString();
}

/** Makes a lab; `as` of its calls is a name of the table above, `root` by default. */
export function makeLab(seed: SeedName = 'reference'): Lab {
  const clock = manualClock({ start: Date.UTC(2026, 10, 23, 16, 0, 3) });
  const sim = createSimulator({ seed, clock });
  const { tokenId, tokenSecret } = sim.credentials;
  const authorization = (as: string): string =>
    `PVEAPIToken=${as === 'root' && seed !== 'reference' ? `${tokenId}=${tokenSecret}` : tokens[as]}`;

  const call = async (method: string, path: string, params: Params = {}, as = 'root'): Promise<Answer> => {
    const encoded = encode(params);
    const isWrite = method === 'POST' || method === 'PUT';
    const url = `https://sim.test:8006/api2/json${path}${isWrite || encoded === '' ? '' : `?${encoded}`}`;
    const response = await sim.fetch(
      new Request(url, {
        method,
        headers: {
          Authorization: authorization(as),
          ...(isWrite ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
        },
        ...(isWrite ? { body: encoded } : {}),
      }),
    );
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    const body = (isJson ? JSON.parse(text) : {}) as Partial<Answer>;
    return { data: null, ...body, status: response.status, reason: response.statusText, text };
  };
  const ok = async (method: string, path: string, params?: Params, as?: string): Promise<unknown> => {
    const answer = await call(method, path, params, as);
    if (answer.status !== 200)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text || answer.reason}`);
    return answer.data;
  };
  const wait = async (upid: unknown): Promise<TaskResult> => {
    const name = String(upid);
    const path = `/nodes/${name.split(':')[1]}/tasks/${encodeURIComponent(name)}`;
    for (;;) {
      const status = (await ok('GET', `${path}/status`)) as Row;
      if (status['status'] === 'stopped') {
        const lines = (await ok('GET', `${path}/log`, { limit: 0 })) as { t: string }[];
        return {
          upid: name,
          type: String(status['type']),
          id: String(status['id']),
          exitstatus: String(status['exitstatus']),
          log: lines.map(({ t }) => t),
        };
      }
      await clock.sleep(200);
    }
  };
  return {
    sim,
    advance: (ms) => clock.sleep(ms),
    call,
    ok,
    task: async (...request) => wait(await ok(...request)),
    wait,
  };
}

/** Makes a container on `local`, stopped. */
export async function makeContainer(lab: Lab, vmid: number, params: Params = {}): Promise<void> {
  const result = await lab.task('POST', '/nodes/pve1/lxc', {
    vmid,
    ostemplate: alpine,
    rootfs: 'local:0.5',
    hostname: `c${vmid}`,
    ...params,
  });
  if (result.exitstatus !== 'OK') throw new Error(result.log.join('\n'));
}
