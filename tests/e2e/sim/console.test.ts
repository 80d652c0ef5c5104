/** Consoles of the simulated cluster, with the built command line. */
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimState } from '../../../src/simulator/index.ts';
import { ensureBuilt } from '../../support/build.ts';
import { goodHeaders, openRaw, type RawConsole } from '../../support/console-client.ts';
import { type Cluster, runCli, startCli, startCluster, temporaryFolder } from '../../support/run-cli.ts';

const folder = temporaryFolder();
const running: Cluster[] = [];
async function start(...args: string[]): Promise<Cluster> {
  const cluster = await startCluster(['--seed', 'small', ...args]);
  running.push(cluster);
  return cluster;
}
beforeAll(ensureBuilt, 180_000);
afterAll(() => Promise.all(running.map((cluster) => cluster.stop('SIGKILL'))));

async function api(cluster: Cluster, ...args: string[]): Promise<void> {
  const { code, stderr } = await runCli(['api', ...args], { env: cluster.env, cwd: folder });
  if (code !== 0) throw new Error(stderr);
}

/** Posts without the command line, which keeps tickets to itself. */
function post(cluster: Cluster, path: string): Promise<{ user: string; ticket: string; port: string }> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `PVEAPIToken=${cluster.tokenId}=${cluster.tokenSecret}` };
    const url = `${cluster.url}/api2/json${path}`;
    const sent = request(url, { method: 'POST', headers, rejectUnauthorized: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve((JSON.parse(text) as { data: never }).data));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Opens the console of container 500. */
async function open(cluster: Cluster): Promise<RawConsole> {
  const proxy = await post(cluster, '/nodes/pve1/lxc/500/termproxy');
  const console = await openRaw({
    url: cluster.url,
    path: `/api2/json/nodes/pve1/lxc/500/vncwebsocket?port=${proxy.port}&vncticket=${encodeURIComponent(proxy.ticket)}`,
    headers: { ...goodHeaders, Authorization: `PVEAPIToken=${cluster.tokenId}=${cluster.tokenSecret}` },
  });
  console.send(`${proxy.user}:${proxy.ticket}\n`);
  await console.until('# ');
  return console;
}

async function addContainer(cluster: Cluster): Promise<void> {
  const args = [
    'vmid=500',
    'ostemplate=local:vztmpl/TEMPLATE',
    'rootfs=local-lvm:1',
    'hostname=c500',
    'cmode=shell',
  ];
  const { code, stdout } = await runCli(['template', 'list', '-o', 'json'], {
    env: cluster.env,
    cwd: folder,
  });
  expect(code).toBe(0);
  const volid = /"volid": ?"([^"]+)"/.exec(stdout)?.[1] ?? '';
  args[1] = `ostemplate=${volid}`;
  await api(cluster, 'POST', '/nodes/pve1/lxc', ...args, '--wait');
  await api(cluster, 'POST', '/nodes/pve1/lxc/500/status/start', '--wait');
}

describe('sim serve', () => {
  it('has consoles that keep what is done in them', { timeout: 60_000 }, async () => {
    const file = join(folder, 'state.json');
    const first = await start('--state', file);
    await addContainer(first);
    const console = await open(first);
    console.type("echo kept >/root/f; echo do''ne\r");
    await console.until('done');
    expect(await first.stop()).toBe(0);
    const state = JSON.parse(readFileSync(file, 'utf8')) as SimState;
    expect(state.containers[500]?.inside?.files['/root/f']?.data).toBe('kept\n');
    const again = await open(await start('--state', file));
    again.type('cat /root/f\r');
    expect(await again.until('kept')).toContain('kept\r\r\n');
  });

  it('runs a real shell with --console-shell, in a folder that goes with it', {
    timeout: 60_000,
  }, async () => {
    const cluster = await start('--console-shell');
    await addContainer(cluster);
    const console = await open(cluster);
    console.type('echo "<$HOME>"; echo $((6*7))\r');
    const home = /<(\/[^>$]+)>/.exec(await console.until('42'))?.[1] ?? '';
    expect(existsSync(home)).toBe(true);
    expect(await cluster.stop()).toBe(0);
    expect(existsSync(home)).toBe(false);
  });

  it('says what --console-shell means, and serves it to this machine only', async () => {
    const run = startCli(['sim', 'serve', '--console-shell']);
    await run.waitForStderr('whoever opens a console of this cluster runs commands on this machine, as you');
    run.child.kill('SIGINT');
    expect((await run.done).code).toBe(0);
    const wide = await runCli(['sim', 'serve', '--console-shell', '--host', '0.0.0.0']);
    expect(wide.code).toBe(2);
    expect(wide.stderr).toContain('--console-shell is for loopback addresses only, not for 0.0.0.0');
  });
});
