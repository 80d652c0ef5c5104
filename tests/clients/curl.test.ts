/** curl: a container's whole life over HTTPS with a ticket, reads with a token, and what a plain client sees of the server. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMissing, runClient, type Served, serveCluster } from './served.ts';

const curl = '/usr/bin/curl';
const missing = await isMissing('curl', curl, ['--version']);

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `data` of the envelope. */
  readonly data: unknown;
  readonly errors?: Readonly<Record<string, string>>;
}

describe.skipIf(missing)('curl', () => {
  let served: Served;
  /** Options that make a caller of the requests: first nobody, after the login root@pam. */
  let who: string[] = [];
  beforeAll(async () => {
    served = await serveCluster('small');
  });
  afterAll(() => served.close());

  const send = async (method: string, path: string, ...options: string[]): Promise<Answer> => {
    const args = ['--silent', '--show-error', '--include', '--compressed', '--cacert', served.caFile];
    const run = await runClient(curl, [
      ...args,
      '-X',
      method,
      ...who,
      ...options,
      `${served.url}/api2/json${path}`,
    ]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const [head = '', ...rest] = run.stdout.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '').split('\r\n\r\n');
    const [statusLine = '', ...headerLines] = head.split('\r\n');
    const [, status, reason = ''] = /^HTTP\/1\.1 (\d+) (.*)$/.exec(statusLine) ?? [];
    const headers = Object.fromEntries(headerLines.map((line) => line.toLowerCase().split(': ', 2)));
    const body = rest.join('\r\n\r\n');
    const isJson = headers['content-type']?.startsWith('application/json') === true;
    const { data = null, errors } = (isJson ? JSON.parse(body) : {}) as Partial<Answer>;
    return { status: Number(status), reason, headers, data, ...(errors ? { errors } : {}) };
  };
  const form = (params: Readonly<Record<string, string | number>>): string[] =>
    Object.entries(params).flatMap(([key, value]) => ['--data-urlencode', `${key}=${value}`]);
  const finish = async (answer: Answer): Promise<string> => {
    expect(answer).toMatchObject({ status: 200, data: expect.stringMatching(/^UPID:pve1:/) });
    for (;;) {
      const { data } = await send(
        'GET',
        `/nodes/pve1/tasks/${encodeURIComponent(String(answer.data))}/status`,
      );
      const { status, exitstatus } = data as { status: string; exitstatus?: string };
      if (status === 'stopped') return String(exitstatus);
    }
  };

  it('is told to log in, and logs in', async () => {
    expect(await send('GET', '/version')).toMatchObject({ status: 401, reason: 'No ticket', data: null });
    const { username, password } = served.sim.credentials;
    const login = await send('POST', '/access/ticket', ...form({ username, password }));
    expect(login).toMatchObject({ status: 200, reason: 'OK', data: { username } });
    const { ticket, CSRFPreventionToken } = login.data as { ticket: string; CSRFPreventionToken: string };
    who = ['--cookie', `PVEAuthCookie=${ticket}`];
    const withoutCsrf = await send('PUT', '/nodes/pve1/lxc/100/config', ...form({ memory: 64 }));
    expect(withoutCsrf).toMatchObject({ status: 401, reason: 'Permission denied - invalid csrf token' });
    who.push('--header', `CSRFPreventionToken: ${CSRFPreventionToken}`);
  });

  it('lives through the life of a container', async () => {
    const templates = await send('GET', '/nodes/pve1/storage/local/content?content=vztmpl');
    const volids = (templates.data as { volid: string }[]).map(({ volid }) => volid);
    const ostemplate = volids.find((volid) => volid.includes('debian-12'));
    expect((await send('GET', '/cluster/nextid')).data).toBe('100');
    const wanted = {
      vmid: 100,
      ostemplate: String(ostemplate),
      hostname: 'curl01',
      unprivileged: 1,
      features: 'nesting=1',
      rootfs: 'local-lvm:2',
      memory: 512,
      net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24,gw=10.0.0.1',
      description: 'a=1; b & c\n2nd line – ü',
    };
    expect(await finish(await send('POST', '/nodes/pve1/lxc', ...form(wanted)))).toBe('OK');
    expect(await finish(await send('POST', '/nodes/pve1/lxc/100/status/start'))).toBe('OK');
    const started = await send('GET', '/nodes/pve1/lxc/100/status/current');
    expect(started.data).toMatchObject({
      vmid: 100,
      status: 'running',
      name: 'curl01',
      maxmem: 512 * 2 ** 20,
    });

    const json = [
      '--header',
      'Content-Type: application/json',
      '--data',
      '{"memory":1024,"cores":2,"onboot":true}',
    ];
    expect(await send('PUT', '/nodes/pve1/lxc/100/config', ...json)).toMatchObject({
      status: 200,
      data: null,
    });
    const config = await send('GET', '/nodes/pve1/lxc/100/config');
    expect(config.data).toMatchObject({
      memory: 1024,
      cores: 2,
      onboot: 1,
      description: 'a=1; b & c\n2nd line – ü\n',
    });
    const live = await send('GET', '/nodes/pve1/lxc/100/status/current');
    expect(live.data).toMatchObject({ maxmem: 1024 * 2 ** 20, cpus: 2, status: 'running' });

    expect(await send('DELETE', '/nodes/pve1/lxc/100')).toMatchObject({
      status: 500,
      reason: 'unable to destroy CT 100 - container is running',
    });
    expect(await finish(await send('POST', '/nodes/pve1/lxc/100/status/stop'))).toBe('OK');
    expect(await finish(await send('DELETE', '/nodes/pve1/lxc/100?purge=1'))).toBe('OK');
    expect(await send('GET', '/nodes/pve1/lxc/100/config')).toMatchObject({
      status: 500,
      reason: "Configuration file 'nodes/pve1/lxc/100.conf' does not exist",
    });
    expect((await send('GET', '/nodes/pve1/lxc')).data).toEqual([]);
  });

  it('uploads a template and deletes it', async () => {
    const file = join(served.folder, 'own_1.0_amd64.tar.gz');
    writeFileSync(file, Buffer.alloc(3 * 2 ** 20, 7)); // more than 1 MiB: curl asks before it sends
    const parts = ['--form', 'content=vztmpl', '--form', `filename=@${file}`];
    expect(await finish(await send('POST', '/nodes/pve1/storage/local/upload', ...parts))).toBe('OK');
    const volume = '/nodes/pve1/storage/local/content/local:vztmpl/own_1.0_amd64.tar.gz';
    expect((await send('GET', volume)).data).toMatchObject({ size: 3 * 2 ** 20 });
    expect(await finish(await send('DELETE', volume))).toBe('OK');
  });

  it('is told what is wrong', async () => {
    const wrong = form({ vmid: 100, ostemplate: 'x', memory: 'much', nope: 1 });
    expect(await send('POST', '/nodes/pve1/lxc', ...wrong)).toMatchObject({
      status: 400,
      reason: 'Parameter verification failed.',
      headers: { connection: 'close' },
      errors: {
        memory: `type check ('integer') failed - got 'much'`,
        nope: 'property is not defined in schema and the schema does not allow additional properties',
      },
    });
    expect(await send('DELETE', '/nodes/pve1/lxc/100', '--data', 'purge=1')).toMatchObject({
      status: 501,
      reason: "Unexpected content for method 'DELETE'",
    });
    expect(await send('GET', '/nodes/pve9/lxc')).toMatchObject({
      status: 500,
      reason: expect.stringContaining("hostname lookup 'pve9' failed"),
    });
    expect(await send('PATCH', '/version')).toMatchObject({
      status: 501,
      reason: "method 'PATCH' not available",
    });
  });

  it('keeps a connection for reads, and loses it with an error', async () => {
    const urls = ['/version', '/version', '/nope', '/version', '/cluster/resources'];
    const run = await runClient(curl, [
      ...['--silent', '--cacert', served.caFile, '--output', '/dev/null', '--write-out', '%{num_connects}'],
      ...who,
      ...urls.flatMap((path, index) => [
        `${served.url}/api2/json${path}`,
        ...(index > 0 ? ['--output', '/dev/null'] : []),
      ]),
    ]);
    expect(run).toMatchObject({ code: 0, stdout: '10010' });
  });

  it('is given a new connection after 100 requests, and no error', async () => {
    const run = await runClient(curl, [
      ...['--silent', '--cacert', served.caFile, '--output', '/dev/null'],
      ...[
        '--write-out',
        '%{http_code} %{num_connects}\\n',
        ...who,
        `${served.url}/api2/json/version?_dc=[1-250]`,
      ],
    ]);
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(250);
    expect(lines.flatMap((line, index) => (line === '200 0' ? [] : [`${index}: ${line}`]))).toEqual([
      '0: 200 1',
      '100: 200 1',
      '200: 200 1',
    ]);
  });

  it('is sent to https, and does not trust a certificate that it does not know', async () => {
    const plain = await runClient(curl, [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{redirect_url}',
      `http://${served.authority}/`,
    ]);
    expect(plain).toMatchObject({ code: 0, stdout: `301 ${served.url}/` });
    const stranger = await runClient(curl, ['-sS', `${served.url}/api2/json/version`]);
    expect(stranger).toMatchObject({ code: 60, stdout: '' });
    const byName = await runClient(curl, [
      ...['-sS', '--cacert', served.caFile, ...who],
      `https://localhost:${new URL(served.url).port}/api2/json/version`,
    ]);
    expect(JSON.parse(byName.stdout)).toMatchObject({ data: { release: '9.2' } });
  });
});
