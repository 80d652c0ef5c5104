/**
 * A crowd of clients for a Proxmox VE API: keep-alive connections that read, write and start tasks all at once. Every
 * answer is held against the request that it belongs to. Raw node:https, so that little of what is measured is the client.
 */
import { Agent, request as httpsRequest } from 'node:https';
import { connect } from 'node:tls';

/** Where the crowd goes, and as whom. */
export interface LoadTarget {
  readonly url: string;
  /** SHA-256 of the one certificate that is trusted. */
  readonly fingerprint: string;
  readonly tokenId: string;
  readonly tokenSecret: string;
  readonly node: string;
  /** Containers that are there, named `load-VMID`; each client writes to one of its own. */
  readonly vmids: readonly number[];
  /** Archive for containers that are created, `storage:vztmpl/file`. */
  readonly template: string;
}

/** What the crowd saw. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Connections that were opened. */
  readonly connections: number;
  /** The most requests that were under way at once. */
  readonly parallel: number;
  /** Answers by kind of request: how many, and their median and 99th percentile in ms. */
  readonly kinds: Readonly<
    Record<string, { readonly count: number; readonly medianMs: number; readonly p99Ms: number }>
  >;
  /** Answers that were lost, or that do not belong to their request. */
  readonly problems: readonly string[];
}

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly data: unknown;
  readonly errors: Readonly<Record<string, string>>;
}

type Row = Readonly<Record<string, unknown>>;

/** Fetches the server's certificate and accepts only the expected one. */
function certificateOf(url: string, fingerprint: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      const found = socket.getPeerX509Certificate();
      socket.destroy();
      if (found?.fingerprint256 === fingerprint) resolve(found.toString());
      else reject(new Error(`another certificate than ${fingerprint}`));
    });
    socket.once('error', reject);
  });
}

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

/** The connections: sends requests, measures and counts. */
class Crowd {
  sent = 0;
  connections = 0;
  parallel = 0;
  readonly times = new Map<string, number[]>();
  readonly problems: string[] = [];
  readonly #agent: Agent;
  readonly #target: LoadTarget;
  readonly #known = new WeakSet<object>();
  #underWay = 0;

  constructor(target: LoadTarget, ca: string, connections: number) {
    this.#target = target;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, ca });
  }

  /** Sends one request; rejects when there is no answer. */
  send(
    kind: string,
    method: string,
    path: string,
    form: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { url, tokenId, tokenSecret } = this.#target;
    const text = new URLSearchParams(form).toString();
    const inBody = text !== '' && method !== 'GET';
    const began = performance.now();
    this.sent += 1;
    this.#underWay += 1;
    this.parallel = Math.max(this.parallel, this.#underWay);
    return new Promise<Answer>((resolve, reject) => {
      const outgoing = httpsRequest(
        `${url}/api2/json${path}`,
        {
          method,
          agent: this.#agent,
          headers: {
            Authorization: `PVEAPIToken=${tokenId}=${tokenSecret}`,
            ...(inBody ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
            ...(method === 'GET' ? {} : { 'Content-Length': Buffer.byteLength(inBody ? text : '') }),
          },
        },
        (message) => {
          const chunks: Buffer[] = [];
          message.on('data', (chunk: Buffer) => chunks.push(chunk));
          message.once('error', reject);
          message.once('end', () => {
            this.#underWay -= 1;
            const ms = performance.now() - began;
            const times = this.times.get(kind);
            if (times) times.push(ms);
            else this.times.set(kind, [ms]);
            const body = Buffer.concat(chunks).toString('utf8');
            const { data = null, errors = {} } = (body === '' ? {} : JSON.parse(body)) as Partial<Answer>;
            resolve({ status: message.statusCode ?? 0, reason: message.statusMessage ?? '', data, errors });
          });
        },
      );
      outgoing.once('socket', (socket) => {
        if (!this.#known.has(socket)) this.connections += 1;
        this.#known.add(socket);
      });
      outgoing.once('error', (error) => {
        this.#underWay -= 1;
        reject(new Error(`${method} ${path}: ${error.message}`));
      });
      outgoing.end(inBody ? text : undefined);
    });
  }

  /** Notes what is not as it must be. */
  expect(isRight: boolean, what: string, seen: unknown): void {
    if (!isRight) this.problems.push(`${what}: ${JSON.stringify(seen).slice(0, 300)}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** One client: its own container, and what it last wrote there. */
class Client {
  readonly #crowd: Crowd;
  readonly #target: LoadTarget;
  readonly #number: number;
  readonly #vmid: number;
  readonly #own: string;
  #step = 0;
  #written: string | undefined;

  constructor(crowd: Crowd, target: LoadTarget, number: number) {
    this.#crowd = crowd;
    this.#target = target;
    this.#number = number;
    this.#vmid = target.vmids[number] as number;
    this.#own = `/nodes/${target.node}/lxc/${this.#vmid}`;
  }

  /** A number that no other request of the crowd carries. */
  #unique(): number {
    return 1_000_000 + this.#number * 10_000 + this.#step;
  }

  readonly #steps: readonly (() => Promise<void>)[] = [
    () => this.#write(),
    () => this.#readOwn(),
    () => this.#readOther(),
    () => this.#status(),
    () => this.#freeId(),
    () => this.#write(),
    () => this.#pending(),
    () => this.#readOther(),
    () => this.#missing(),
    () => this.#resources(),
    () => this.#readOther(),
    () => this.#rights(),
    () => this.#readOwn(),
    () => this.#tasks(),
    () => this.#refused(),
    () => this.#readOther(),
    () => this.#list(),
    () => this.#freeId(),
    () => this.#readOther(),
    () => this.#unknownPath(),
  ];

  /** The next request of the mix; clients begin at different places of it. */
  async next(): Promise<void> {
    this.#step += 1;
    const steps = this.#steps;
    await steps[(this.#number * 7 + this.#step) % steps.length]?.();
  }

  async #write(): Promise<void> {
    const text = `client ${this.#number} step ${this.#step} = ${this.#unique()}`;
    const swap = String(this.#unique() % 512);
    const answer = await this.#crowd.send('write config', 'PUT', `${this.#own}/config`, {
      description: text,
      swap,
    });
    this.#crowd.expect(answer.status === 200 && answer.data === null, `write of ${this.#vmid}`, answer);
    this.#written = text;
  }

  #checkConfig(vmid: number, answer: Answer): Row {
    const config = (answer.data ?? {}) as Row;
    this.#crowd.expect(
      answer.status === 200 && config['hostname'] === `load-${vmid}`,
      `config of ${vmid}`,
      answer,
    );
    return config;
  }

  async #readOwn(): Promise<void> {
    const config = this.#checkConfig(
      this.#vmid,
      await this.#crowd.send('read config', 'GET', `${this.#own}/config`),
    );
    const wanted = this.#written === undefined ? undefined : `${this.#written}\n`;
    this.#crowd.expect(config['description'] === wanted, `what was written to ${this.#vmid}`, config);
  }

  async #readOther(): Promise<void> {
    const { node, vmids } = this.#target;
    const vmid = vmids[this.#unique() % vmids.length] as number;
    this.#checkConfig(
      vmid,
      await this.#crowd.send('read config', 'GET', `/nodes/${node}/lxc/${vmid}/config`),
    );
  }

  async #pending(): Promise<void> {
    const answer = await this.#crowd.send('read pending', 'GET', `${this.#own}/pending`);
    const name = ((answer.data ?? []) as Row[]).find((row) => row['key'] === 'hostname');
    this.#crowd.expect(name?.['value'] === `load-${this.#vmid}`, `pending of ${this.#vmid}`, answer);
  }

  async #status(): Promise<void> {
    const answer = await this.#crowd.send('read status', 'GET', `${this.#own}/status/current`);
    const row = (answer.data ?? {}) as Row;
    const isRight = row['vmid'] === this.#vmid && row['name'] === `load-${this.#vmid}`;
    this.#crowd.expect(isRight, `status of ${this.#vmid}`, answer);
  }

  async #resources(): Promise<void> {
    const answer = await this.#crowd.send('list resources', 'GET', '/cluster/resources?type=vm');
    const ids = ((answer.data ?? []) as Row[]).map((row) => row['vmid']);
    const found = new Set(ids);
    const isWhole = this.#target.vmids.every((vmid) => found.has(vmid));
    this.#crowd.expect(isWhole && found.size === ids.length, 'resources', ids);
  }

  async #list(): Promise<void> {
    const answer = await this.#crowd.send('list containers', 'GET', `/nodes/${this.#target.node}/lxc`);
    const row = ((answer.data ?? []) as Row[]).find(({ vmid }) => vmid === this.#vmid);
    this.#crowd.expect(row?.['name'] === `load-${this.#vmid}`, `${this.#vmid} in the list`, row);
  }

  async #tasks(): Promise<void> {
    const limit = 1 + (this.#unique() % 20);
    const path = `/nodes/${this.#target.node}/tasks?source=all&limit=${limit}`;
    const answer = await this.#crowd.send('list tasks', 'GET', path);
    const rows = (answer.data ?? undefined) as Row[] | undefined;
    this.#crowd.expect(rows !== undefined && rows.length <= limit, `${limit} tasks`, rows?.length ?? answer);
  }

  async #freeId(): Promise<void> {
    const vmid = this.#unique();
    const answer = await this.#crowd.send('ask for an id', 'GET', `/cluster/nextid?vmid=${vmid}`);
    this.#crowd.expect(answer.data === String(vmid), `free id ${vmid}`, answer);
  }

  async #rights(): Promise<void> {
    const path = `/vms/${this.#unique()}`;
    const answer = await this.#crowd.send('ask for rights', 'GET', `/access/permissions?path=${path}`);
    const paths = Object.keys((answer.data ?? {}) as Row);
    this.#crowd.expect(paths.length === 1 && paths[0] === path, `rights on ${path}`, answer);
  }

  async #missing(): Promise<void> {
    const file = `nodes/${this.#target.node}/lxc/${this.#unique()}.conf`;
    const answer = await this.#crowd.send(
      'error: no such container',
      'GET',
      `/${file.replace('.conf', '/config')}`,
    );
    const text = `Configuration file '${file}' does not exist`;
    this.#crowd.expect(
      answer.status === 500 && answer.reason === text,
      `container ${this.#unique()}`,
      answer,
    );
  }

  async #refused(): Promise<void> {
    const memory = `much-${this.#unique()}`;
    const answer = await this.#crowd.send('error: wrong value', 'PUT', `${this.#own}/config`, { memory });
    const text = `type check ('integer') failed - got '${memory}'`;
    this.#crowd.expect(answer.status === 400 && answer.errors['memory'] === text, memory, answer);
  }

  async #unknownPath(): Promise<void> {
    const path = `/nodes/${this.#target.node}/nope-${this.#unique()}`;
    const answer = await this.#crowd.send('error: no such path', 'GET', path);
    const text = `Method 'GET ${path}' not implemented`;
    this.#crowd.expect(answer.status === 501 && answer.reason === text, path, answer);
  }

  /** Creates, starts, stops and destroys a container of its own. */
  async live(vmid: number): Promise<void> {
    const { node, template } = this.#target;
    const guests = `/nodes/${node}/lxc`;
    const guest = `${guests}/${vmid}`;
    const form = {
      vmid: String(vmid),
      ostemplate: template,
      rootfs: 'local-lvm:1',
      hostname: `life-${vmid}`,
    };
    await this.#finish('create', vmid, await this.#crowd.send('task: create', 'POST', guests, form));
    await this.#finish('start', vmid, await this.#crowd.send('task: start', 'POST', `${guest}/status/start`));
    const current = await this.#crowd.send('read status', 'GET', `${guest}/status/current`);
    const row = (current.data ?? {}) as Row;
    this.#crowd.expect(row['vmid'] === vmid && row['status'] === 'running', `${vmid} runs`, current);
    await this.#finish('stop', vmid, await this.#crowd.send('task: stop', 'POST', `${guest}/status/stop`));
    await this.#finish('destroy', vmid, await this.#crowd.send('task: destroy', 'DELETE', guest));
    const gone = await this.#crowd.send('error: no such container', 'GET', `${guest}/config`);
    this.#crowd.expect(gone.status === 500 && gone.reason.includes(`${vmid}.conf`), `${vmid} is gone`, gone);
  }

  async #finish(what: string, vmid: number, started: Answer): Promise<void> {
    const upid = String(started.data);
    const [, , , , , type, id] = upid.split(':');
    this.#crowd.expect(started.status === 200 && type === `vz${what}` && id === String(vmid), what, started);
    if (started.status !== 200) return;
    const path = `/nodes/${this.#target.node}/tasks/${encodeURIComponent(upid)}/status`;
    for (;;) {
      const answer = await this.#crowd.send('poll a task', 'GET', path);
      const status = (answer.data ?? {}) as Row;
      this.#crowd.expect(status['upid'] === upid, `task ${upid}`, answer);
      if (status['upid'] !== upid) return;
      if (status['status'] === 'stopped') {
        this.#crowd.expect(status['exitstatus'] === 'OK', `${what} of ${vmid}`, status);
        return;
      }
      await this.next(); // the mix goes on while the task runs
    }
  }
}

/**
 * Sends a crowd.
 *
 * @param target - the server.
 * @param options.requests - how many requests at least; tasks under way are followed to their end.
 * @param options.connections - how many clients, each with one request under way; at most as many as `vmids`.
 * @param options.lives - how many of the clients make a container of their own, again and again.
 * @returns what was seen; `problems` is empty when nothing was lost or mixed up.
 */
export async function runLoad(
  target: LoadTarget,
  options: { readonly requests: number; readonly connections: number; readonly lives: number },
): Promise<LoadReport> {
  const { requests, connections, lives } = options;
  const crowd = new Crowd(target, await certificateOf(target.url, target.fingerprint), connections);
  const began = performance.now();
  const work = async (number: number): Promise<void> => {
    const client = new Client(crowd, target, number);
    while (crowd.sent < requests) {
      try {
        if (number < lives) await client.live(100_000 + number);
        else await client.next();
      } catch (error) {
        crowd.problems.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, number) => work(number)));
  const seconds = (performance.now() - began) / 1000;
  const left = await crowd.send('list resources', 'GET', '/cluster/resources?type=vm');
  const ids = ((left.data ?? []) as Row[]).map(({ vmid }) => vmid);
  crowd.expect(ids.join() === target.vmids.join(), 'what is left', ids);
  crowd.close();
  const kinds = [...crowd.times].map(([kind, times]) => {
    const sorted = times.toSorted((a, b) => a - b);
    return [
      kind,
      { count: times.length, medianMs: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) },
    ] as const;
  });
  return {
    requests: crowd.sent,
    seconds,
    perSecond: crowd.sent / seconds,
    connections: crowd.connections,
    parallel: crowd.parallel,
    kinds: Object.fromEntries(kinds),
    problems: crowd.problems,
  };
}

/**
 * Measures reads of one config, one at a time.
 *
 * @param target - the server.
 * @param count - how many.
 * @returns the median in ms.
 */
export async function loneReadMs(target: LoadTarget, count: number): Promise<number> {
  const crowd = new Crowd(target, await certificateOf(target.url, target.fingerprint), 1);
  const path = `/nodes/${target.node}/lxc/${target.vmids[0]}/config`;
  for (let index = 0; index < count; index += 1) await crowd.send('read config', 'GET', path);
  crowd.close();
  return quantile(
    (crowd.times.get('read config') ?? []).toSorted((a, b) => a - b),
    0.5,
  );
}
