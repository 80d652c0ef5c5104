/** The session that a container's viewers share, and what cmode puts into it (lxc-endpoints §G). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawConsole } from '../../support/console-client.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { openConsole } from '../../support/open-console.ts';
import { call, waitTask } from '../../support/simulator.ts';

let sim: ConsoleSimulator;
let vmid = 500;
beforeAll(async () => {
  sim = await startConsoleSimulator({ shell: 'scripted' });
});
afterAll(() => sim.close());

/** A container of its own for each test. */
async function fresh(params: Readonly<Record<string, string | number>> = {}): Promise<number> {
  vmid += 1;
  await sim.addContainer(vmid, params);
  return vmid;
}

async function attach(id: number): Promise<RawConsole> {
  const console = await openConsole(sim, id);
  await console.until(/[#:] $/);
  return console;
}

async function change(method: string, path: string, params: Record<string, string> = {}): Promise<void> {
  const { data, status, text } = await call(sim.simulator, {
    method,
    path: `/nodes/pve1/lxc/${path}`,
    params,
  });
  if (status !== 200) throw new Error(text);
  if (typeof data === 'string' && data.startsWith('UPID:')) await waitTask(sim.simulator, data);
}

describe('the shared session', () => {
  it('shows everything to everybody, and takes what anybody types', async () => {
    const id = await fresh();
    const [first, second] = [await attach(id), await openConsole(sim, id)];
    first.type('echo fr""om first\r');
    expect(await second.until('from first')).toContain('from first\r\r\n');
    second.type('echo fr""om second\r');
    expect(await first.until('from second')).toContain('from second\r\r\n');
    first.close();
    second.close();
  });

  it('goes on when all have left, with the settings of its terminal', async () => {
    const id = await fresh();
    const first = await attach(id);
    first.type("x=kept; stty -echo; (sleep 2; echo la''te >/tmp/late) & echo do''ne\r");
    await first.until('done');
    first.close();
    await first.closed;
    await expect
      .poll(() => sim.simulator.state.containers[id]?.inside?.files['/tmp/late']?.data)
      .toBe('late\n');
    const second = await openConsole(sim, id);
    second.type('echo "<$x>"\r');
    const text = await second.until('<kept>');
    expect(text).not.toContain('echo');
    second.close();
  });

  it('is 80 by 20 for whoever comes, then as large as anybody says last', async () => {
    const id = await fresh();
    const first = await attach(id);
    first.send('1:100:30:');
    first.type('stty size\r');
    await first.until('30 100');
    const second = await openConsole(sim, id);
    second.type('stty size\r');
    await second.until('20 80');
    second.send('1:120:40:');
    first.type('stty size\r');
    expect(await first.until('40 120')).toContain('40 120\r\r\n');
  });

  it('is left with Ctrl-\\, and stays for the others', async () => {
    const id = await fresh();
    const [first, second] = [await attach(id), await openConsole(sim, id)];
    first.type('\x1c');
    await first.closed;
    expect(first.text()).toMatch(/\x1b\[999H\r\n\[detached\]\r\n$/);
    second.type('echo st""ill\r');
    expect(await second.until('still')).not.toContain('terminating');
  });

  it('ends with its shell, for everybody, and the next one gets a new shell', async () => {
    const id = await fresh();
    const [first, second] = [await attach(id), await openConsole(sim, id)];
    first.type('x=old; exit\r');
    await Promise.all([first.closed, second.closed]);
    expect(second.text()).toMatch(/\x1b\[999H\r\n\[EOF - dtach terminating\]\r\n$/);
    const third = await attach(id);
    third.type('echo "<$x>"\r');
    expect(await third.until(/<.*>\r/)).toContain('<>\r\r\n');
  });

  it('ends with its container, which keeps its files but those of /run', async () => {
    const id = await fresh();
    const console = await attach(id);
    console.type("echo a >/root/kept; echo b >/run/lost; echo do''ne\r");
    await console.until('done');
    await change('POST', `${id}/status/stop`);
    await console.closed;
    const stopped = await openConsole(sim, id);
    await stopped.closed;
    expect(stopped.text()).toContain('Failed to get init pid\r\n');
    await change('POST', `${id}/status/start`);
    const again = await attach(id);
    again.type('cat /root/kept /run/lost\r');
    expect(await again.until('No such file')).toContain('a\r\r\n');
  });

  it('keeps files in clones and snapshots', async () => {
    const id = await fresh({ rootfs: 'local-lvm:1' });
    const console = await attach(id);
    console.type("echo one >/root/f; echo do''ne\r");
    await console.until('done');
    await change('POST', `${id}/snapshot`, { snapname: 'before' });
    console.type("echo two >/root/f; echo do''ne again\r");
    await console.until('done again');
    await change('POST', `${id}/status/stop`);
    vmid += 1;
    await change('POST', `${id}/clone`, { newid: String(vmid) });
    const { containers } = sim.simulator.state;
    expect(containers[vmid]?.inside?.files['/root/f']?.data).toBe('two\n');
    await change('POST', `${id}/snapshot/before/rollback`);
    expect(containers[id]?.inside?.files['/root/f']?.data).toBe('one\n');
  });
});

describe('a task that is stopped', () => {
  it('ends the connection, not the session', async () => {
    const id = await fresh();
    const console = await attach(id);
    console.type("x=kept; echo do''ne\r");
    await console.until('done');
    const running = Object.values(sim.simulator.state.tasks).find(
      (task) => task.type === 'vncproxy' && task.id === String(id) && task.status === 'running',
    );
    await call(sim.simulator, {
      method: 'DELETE',
      path: `/nodes/pve1/tasks/${encodeURIComponent(running?.upid ?? '')}`,
    });
    await console.closed;
    const again = await openConsole(sim, id);
    again.type('echo "<$x>"\r');
    expect(await again.until('<kept>')).toContain('<kept>');
  });
});

describe('cmode', () => {
  it('tty: asks for a login, and lets root in with his password', async () => {
    const id = await fresh({ cmode: 'tty', password: 'geheim1' });
    const console = await attach(id);
    expect(console.text()).toContain(`Debian GNU/Linux 12 c${id} tty1\r\r\n`);
    console.type('root\r');
    await console.until('Password: ');
    console.type('wrong\r');
    await console.until('Login incorrect');
    console.type('root\r');
    await console.until(/Password: [\s\S]*Password: /);
    console.type('geheim1\r');
    await console.until('# ');
    expect(console.text()).not.toMatch(/geheim1|wrong/);
    console.type('id -un; exit\r');
    await console.until(/exit[\s\S]*login: $/);
    expect(console.text()).toContain('root\r\r\n');
  });

  it('tty: a password that is set inside counts, and one that was never set does not let in', async () => {
    const id = await fresh({ cmode: 'tty' });
    const console = await attach(id);
    console.type('root\r');
    await console.until('Password: ');
    console.type('\r');
    await console.until('Login incorrect');
    const inside = sim.simulator.state.containers[id];
    if (inside) inside.inside = { files: {}, passwords: { root: 'x1' }, packages: [], services: {} };
    console.type('root\r');
    await console.until(/Password: [\s\S]*Password: /);
    console.type('x1\r');
    expect(await console.until('# ')).toContain(`root@c${id}:/# `);
  });

  it('console: a login on the console, or what the entrypoint says', async () => {
    const id = await fresh({ cmode: 'console' });
    expect((await attach(id)).text()).toContain(`c${id} console\r\r\n`);
    const other = await fresh({ cmode: 'console' });
    const container = sim.simulator.state.containers[other];
    if (container) container.config['entrypoint'] = '/usr/sbin/nginx -g daemon off;';
    const console = await openConsole(sim, other);
    expect(await console.until('running')).toContain('/usr/sbin/nginx -g daemon off;: running\r\r\n');
  });

  it('a change takes effect after a restart, and not for a session that is still there', async () => {
    const id = await fresh({ cmode: 'tty' });
    const before = await attach(id);
    await change('PUT', `${id}/config`, { cmode: 'shell' });
    const pending = await openConsole(sim, id);
    pending.type('\r');
    expect(await pending.until('login: ')).not.toContain('# ');
    await change('POST', `${id}/status/stop`);
    await change('POST', `${id}/status/start`);
    await before.closed;
    expect((await attach(id)).text()).toContain(`root@c${id}:/# `);
  });
});

describe('a container on another node', () => {
  it('has its console on the node that was asked', async () => {
    const cluster = await startConsoleSimulator({ shell: 'scripted', seed: 'cluster' });
    try {
      await cluster.addContainer(900);
      const { state } = cluster.simulator;
      const container = state.containers[900];
      if (container) container.node = 'pve2';
      const console = await openConsole(cluster, 900);
      await console.until('# ');
      const task = Object.values(state.tasks).findLast(({ type }) => type === 'vncproxy');
      expect(task).toMatchObject({ node: 'pve1', status: 'running' });
      expect(console.text()).toContain('root@c900:/# ');
    } finally {
      await cluster.close();
    }
  });
});
