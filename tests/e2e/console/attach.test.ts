/** `attach` as people use it: in a terminal, at a simulated cluster with a real shell behind its consoles. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { type ConsoleSimulator, startConsoleSimulator } from '../../support/console-simulator.ts';
import { type Relay, startRelay } from '../../support/relay.ts';
import { bin, runCli, temporaryFolder } from '../../support/run-cli.ts';
import { hasTmux, startTmux, type Tmux } from '../../support/tmux.ts';

const cwd = temporaryFolder();
let cluster: ConsoleSimulator;
let relay: Relay;
let env: Record<string, string>;

/** A program as vi or less are: a screen of its own, no cursor, drawn anew when the window changes. */
const fullScreen = join(cwd, 'full-screen.sh');
writeFileSync(
  fullScreen,
  [
    'draw() { printf \'\\033[2J\\033[Hsize %s\\033[3;1Hthird line\' "$(stty size)"; }',
    "printf '\\033[?1049h\\033[?25l\\033[?1000h'",
    'trap draw WINCH',
    'trap \'printf "\\033[?1000l\\033[?25h\\033[?1049l"; exit\' INT',
    'draw',
    'while :; do sleep 0.1; done',
    '',
  ].join('\n'),
);

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startConsoleSimulator({ shell: 'real' });
  relay = await startRelay(Number(new URL(cluster.url).port));
  env = { ...cluster.env, PVEFLEET_URL: `https://127.0.0.1:${relay.port}` };
}, 180_000);
afterAll(async () => {
  await relay.close();
  await cluster.close();
});

let tmux: Tmux | undefined;
afterEach(async () => {
  await tmux?.close();
  tmux = undefined;
  relay.mend();
});

let vmid = 200;

interface Attached extends Tmux {
  /** Host name of a container of the test's own. */
  readonly name: string;
  readonly vmid: number;
  /** As messages call it. */
  readonly label: string;
}

const done = /^unchanged$/m;
const root = /root@ct\d+\S*[#$]/;
/** What shows where nobody is logged in yet. */
const login = /ct\d+ login:/;

/** A terminal that has noted its settings, with `attach NAME …` under way and the prompt shown. */
async function attached(
  flags = '',
  params: Record<string, string> = {},
  answer: 'y' | 'n' = 'n',
): Promise<Attached> {
  vmid += 1;
  const name = `ct${vmid}`;
  await cluster.addContainer(vmid, { hostname: name, ...params });
  tmux = await startTmux({ env: { ...env, BIN: bin }, cwd });
  await tmux.type('stty -g > before; clear', 'Enter');
  await tmux.type(
    `sh -c 'echo $$ > pid; exec node $BIN attach ${name} ${flags}'; echo "code $?"; stty -g | cmp - before && echo unchanged`,
    'Enter',
  );
  const isShell = (params['cmode'] ?? 'shell') === 'shell';
  if (!isShell) {
    await tmux.shows(`Restart ${name} to get one?`);
    await tmux.type(answer, 'Enter');
  }
  await tmux.shows(isShell || answer === 'y' ? root : login);
  return { ...tmux, name, vmid, label: `${name} (CT ${vmid} on pve1)` };
}

describe.runIf(hasTmux)('attach in a terminal', { timeout: 60_000 }, () => {
  it('says what it is and how to leave, and leaves the terminal as it was', async () => {
    const terminal = await attached();
    const screen = await terminal.screen();
    expect(screen).toContain(`Attached to ${terminal.label}: a root shell, without login (cmode shell).`);
    expect(screen).toContain('Leave with Ctrl-].');
    await terminal.type('', 'C-]');
    const after = await terminal.shows(done);
    expect(after).toContain(`Left ${terminal.label}; what runs in its console goes on.`);
    expect(after).toContain('code 0');
  });

  it.each([
    ['tty', 'a login prompt (cmode tty)'],
    ['console', 'the console of its first process, /dev/console (cmode console)'],
  ])('tells what is shown with cmode %s, and what a restart would change', async (cmode, text) => {
    const terminal = await attached('', { cmode });
    expect(await terminal.screen()).toContain(`${terminal.label}: ${text}.`);
    await terminal.type('', 'C-]');
    await terminal.shows(done);
    const path = `/nodes/pve1/lxc/${terminal.vmid}/config`;
    const put = await runCli(['api', 'PUT', path, 'cmode=shell'], { env, cwd });
    expect(put.code, put.stderr).toBe(0);
    await terminal.type(`clear; node $BIN attach ${terminal.name} --no-input`, 'Enter');
    expect(
      await terminal.shows('After its next restart: a root shell, without login (cmode shell).'),
    ).toContain(`${terminal.label}: ${text}.`);
  });

  it('restarts it for a root shell where that is wanted, and puts its cmode back', async () => {
    const terminal = await attached('', { cmode: 'tty' }, 'y');
    expect(await terminal.screen()).toContain(
      `${terminal.label}: a root shell, without login (cmode shell).`,
    );
    await terminal.type('', 'C-]');
    expect(await terminal.shows(done)).toContain('its cmode is what it was; the console stays a root shell');
    expect(cluster.simulator.state.containers[terminal.vmid]?.pending).toMatchObject({ cmode: 'tty' });
  });

  it('passes UTF-8 and control keys through', async () => {
    const terminal = await attached();
    await terminal.type('printf "<%s>\\n" žluť€😀', 'Enter');
    expect(await terminal.shows('<žluť€😀>')).not.toContain('\ufffd');
    await terminal.type('cat -v', 'Enter', 'C-v', 'C-a', 'C-v', 'C-x', 'Enter');
    await terminal.shows(/\^A\^X\n\^A\^X/);
    await terminal.type('', 'C-c');
    await terminal.type('', 'C-]');
    await terminal.shows(done);
  });

  it('carries a full-screen program through a resize, lets it go on when left, and finds it again', async () => {
    const terminal = await attached();
    await terminal.type(`sh ${fullScreen}`, 'Enter');
    await terminal.shows(/^size 30 100\n\nthird line$/);
    expect(await terminal.format('#{alternate_on} #{cursor_flag} #{mouse_standard_flag}')).toBe('1 0 1');
    await terminal.resize(80, 24);
    await terminal.shows(/^size 24 80\n\nthird line$/);
    await terminal.type('', 'C-]');
    await terminal.shows(done);
    expect(await terminal.format('#{alternate_on} #{cursor_flag} #{mouse_standard_flag}')).toBe('0 1 0');
    await terminal.type(`clear; node $BIN attach ${terminal.name} --no-input`, 'Enter');
    await terminal.shows(/size 24 80\n\nthird line/);
    await terminal.type('', 'C-c');
    await terminal.shows(root);
    await terminal.type('', 'C-]');
    await terminal.shows(`Left ${terminal.label}`);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('gives the terminal back on %s', async (signal) => {
    const terminal = await attached();
    await terminal.type(`sh ${fullScreen}`, 'Enter');
    await terminal.shows('third line');
    process.kill(Number(readFileSync(join(cwd, 'pid'), 'utf8')), signal);
    const screen = await terminal.shows(done);
    expect(screen).toContain(`Interrupted; what runs in the console of ${terminal.label} goes on.`);
    expect(screen).toContain('code 130');
    expect(await terminal.format('#{alternate_on} #{cursor_flag}')).toBe('0 1');
    await terminal.type(`clear; node $BIN attach ${terminal.name} --no-input`, 'Enter');
    await terminal.shows('third line');
    await terminal.type('', 'C-c');
    await terminal.shows(root);
    await terminal.type('', 'C-]');
    await terminal.shows(`Left ${terminal.label}`);
  });

  it('ends with the session', async () => {
    const terminal = await attached();
    await terminal.type('exit', 'Enter');
    const screen = await terminal.shows(done);
    expect(screen).toContain(`What ran in the console of ${terminal.label} has ended.`);
    expect(screen).toContain('code 0');
  });

  it('leaves with another key, or with none', async () => {
    const terminal = await attached('--escape ctrl-a');
    expect(await terminal.screen()).toContain('Leave with Ctrl-A.');
    await terminal.type('cat -v', 'Enter');
    await terminal.type('', 'C-]', 'Enter');
    await terminal.shows(/\^\]\n\^\]/);
    await terminal.type('', 'C-c', 'C-a');
    await terminal.shows(done);
    await terminal.type(`clear; node $BIN attach ${terminal.name} --escape none`, 'Enter');
    await terminal.shows('No key leaves it');
    await terminal.type('', 'Enter');
    await terminal.shows(root);
    await terminal.type('', 'C-]', 'C-a');
    await terminal.type('exit', 'Enter');
    await terminal.shows('has ended');
  });

  it('tells when the container stops', async () => {
    const terminal = await attached();
    expect((await runCli(['stop', terminal.name, '--yes'], { env, cwd })).code).toBe(0);
    expect(await terminal.shows(done)).toContain(`${terminal.label} is not running any more.`);
    await terminal.type(`clear; node $BIN attach ${terminal.name}; echo "code $?"`, 'Enter');
    const screen = await terminal.shows('code 4');
    expect(screen).toContain('the container is not running');
    expect(screen).toContain(`pvefleet start ${terminal.vmid}`);
  });

  it('ends with 4 and an unchanged terminal when the connection is lost', async () => {
    const terminal = await attached();
    await terminal.type(`sh ${fullScreen}`, 'Enter');
    await terminal.shows('third line');
    relay.cut();
    const screen = await terminal.shows(done);
    expect(screen).toContain(`cannot stay attached to ${terminal.label}`);
    expect(screen).toContain(`pvefleet attach ${terminal.name} (with --reconnect`);
    expect(screen).toContain('code 4');
    expect(await terminal.format('#{alternate_on} #{cursor_flag}')).toBe('0 1');
    relay.mend();
    await terminal.type(`clear; node $BIN attach ${terminal.name} --no-input`, 'Enter');
    await terminal.shows('third line');
    await terminal.type('', 'C-c');
    await terminal.shows(root);
    await terminal.type('', 'C-]');
    await terminal.shows(`Left ${terminal.label}`);
  });

  it('attaches again with --reconnect, as often as it takes, until a key gives up', async () => {
    const terminal = await attached('--reconnect');
    await terminal.type('MARK=still-here; clear; echo ready', 'Enter');
    await terminal.shows(/^ready$/m);
    for (const round of ['one', 'two']) {
      relay.cut();
      await terminal.shows(/Attaching again; Ctrl-\] or Ctrl-C gives up\.$/);
      relay.mend();
      await terminal.shows('Attached again.');
      await terminal.type(`clear; echo $MARK-${round}`, 'Enter');
      await terminal.shows(`still-here-${round}`);
    }
    relay.cut();
    await terminal.shows('Attaching again');
    await terminal.type('', 'C-]');
    const screen = await terminal.shows(done);
    expect(screen).toContain(`Gave up; what runs in the console of ${terminal.label} goes on.`);
    expect(screen).toContain('code 4');
  });
});

describe.skipIf(hasTmux)('attach in a terminal', () => {
  it('is skipped: no tmux', () => {
    expect(hasTmux).toBe(false);
  });
});

describe('attach without a terminal', () => {
  it.each([
    [[], 'attach needs a terminal for input and output'],
    [['-o', 'ndjson'], 'it has no output ndjson'],
  ])('is refused with %j', async (flags, message) => {
    const { code, stderr, stdout } = await runCli(['attach', 'web01', ...flags], { env, cwd });
    expect(code).toBe(2);
    expect(stderr + stdout).toContain(message);
  });
});
