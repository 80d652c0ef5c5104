import { screen } from '@inquirer/testing/vitest';
import { describe, expect, it } from 'vitest';
import type { GuestSummary, StorageInfo } from '../../../src/domain/actual.ts';
import { askConfirmation, askToType } from '../../../src/prompts/confirm.ts';
import {
  askCredentials,
  askProfileName,
  askTrust,
  askUrl,
  completeUrl,
  validUrl,
} from '../../../src/prompts/connection.ts';
import { askContainer, type Offers, validHostname, validSize } from '../../../src/prompts/container.ts';
import { createPrompts, filterChoices, type Prompts } from '../../../src/prompts/io.ts';
import { askContainers } from '../../../src/prompts/select-containers.ts';
import { askTemplate, templateChoices } from '../../../src/prompts/template.ts';

const prompts: Prompts = createPrompts({ interactive: true });

/** Waits until a question (or a remark about the answer) is on the screen. */
async function shown(text: string): Promise<void> {
  while (!screen.getScreen().includes(text)) await screen.next();
}

async function answer(question: string, text: string): Promise<void> {
  await shown(question);
  screen.type(text);
  screen.keypress('enter');
}

describe('questions', () => {
  it('refuse without a terminal, and say which answer is missing', async () => {
    const none = createPrompts({ interactive: false });
    const failure = await none.text({ message: 'Host name' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      exitCode: 2,
      code: 'NO_TERMINAL',
      message: 'there is no terminal to ask: Host name',
    });
  });

  it('end with 130 on Ctrl-C', async () => {
    const result = prompts.text({ message: 'Host name' }).catch((error: unknown) => error);
    await shown('Host name');
    screen.keypress({ name: 'c', ctrl: true });
    expect(await result).toMatchObject({ exitCode: 130, code: 'CANCELLED' });
  });

  it('end with 130 when the run is interrupted', async () => {
    const abort = new AbortController();
    const asking = createPrompts({ interactive: true, signal: abort.signal });
    const result = asking.confirm({ message: 'Go on?', default: false }).catch((error: unknown) => error);
    await shown('Go on?');
    abort.abort();
    expect(await result).toMatchObject({ exitCode: 130 });
  });

  it('never show a secret', async () => {
    const result = prompts.secret({ message: 'Password' });
    await shown('Password');
    screen.type('hunter2');
    expect(screen.getScreen()).not.toContain('hunter2');
    screen.keypress('enter');
    expect(await result).toBe('hunter2');
  });

  it('trim what was typed', async () => {
    const result = prompts.text({ message: 'Host name' });
    await answer('Host name', '  web01 ');
    expect(await result).toBe('web01');
  });
});

describe('confirmations', () => {
  it('are no by default', async () => {
    const result = askConfirmation(prompts, 'Carry this out?');
    await answer('Carry this out?', '');
    expect(await result).toBe(false);
  });

  it('take y', async () => {
    const result = askConfirmation(prompts, 'Carry this out?');
    await answer('Carry this out?', 'y');
    expect(await result).toBe(true);
  });

  it('insist on the exact name before a destruction', async () => {
    const result = askToType(prompts, 'This destroys web01.', 'lab');
    await answer('Type lab to go on', 'lba');
    await shown('That is not lab.');
    for (let i = 0; i < 3; i++) screen.keypress('backspace');
    screen.type('lab');
    screen.keypress('enter');
    expect(await result).toBe(true);
  });

  it('take nothing for a no before a destruction', async () => {
    const result = askToType(prompts, 'This destroys web01.', 'lab');
    await answer('Type lab to go on', '');
    expect(await result).toBe(false);
  });
});

describe('the connection', () => {
  const urls: [given: string, want: string][] = [
    ['pve1', 'https://pve1:8006'],
    ['pve1.example.org:8007', 'https://pve1.example.org:8007'],
    ['https://pve1', 'https://pve1:8006'],
    ['https://pve1:443/', 'https://pve1'],
    ['http://127.0.0.1:8006', 'http://127.0.0.1:8006'],
    ['https://[2001:db8::1]', 'https://[2001:db8::1]:8006'],
  ];
  it.each(urls)('%s becomes %s', (given, want) => {
    expect(validUrl(given)).toBe(true);
    expect(completeUrl(given)).toBe(want);
  });

  it.each(['http://pve1:8006', 'ftp://pve1', ''])('refuses %s', (given) => {
    expect(validUrl(given)).not.toBe(true);
  });

  it('asks for the URL until it is one', async () => {
    const result = askUrl(prompts);
    await answer('URL of a node', 'http://pve1');
    await shown('use https');
    for (let i = 0; i < 11; i++) screen.keypress('backspace');
    screen.type('pve1');
    screen.keypress('enter');
    expect(await result).toBe('https://pve1:8006');
  });

  it('shows the fingerprint and distrusts by default', async () => {
    const result = askTrust(prompts, {
      fingerprint: 'AA:BB',
      subject: 'pve1',
      issuer: 'PVE',
      validTo: '2030',
    });
    await shown('AA:BB');
    screen.keypress('enter');
    expect(await result).toBe(false);
  });

  it('takes a token', async () => {
    const result = askCredentials(prompts);
    await shown('Log in with');
    screen.keypress('enter');
    await answer('Token id', 'ci@pve!fleet');
    await answer('Its secret', 's3cret');
    expect(await result).toEqual({ kind: 'token', tokenId: 'ci@pve!fleet', tokenSecret: 's3cret' });
  });

  it('takes user and password', async () => {
    const result = askCredentials(prompts);
    await shown('Log in with');
    screen.keypress('down');
    screen.keypress('enter');
    await shown('User (user@realm)');
    screen.keypress('enter');
    await answer('Password', 'pw');
    expect(await result).toEqual({ kind: 'user', username: 'root@pam', password: 'pw' });
  });

  it('replaces a profile only when told to', async () => {
    const result = askProfileName(prompts, 'default', ['default']);
    await answer('Name of this profile', '');
    await answer('Replace it?', '');
    expect(await result).toBeUndefined();
  });
});

const storage = (name: string): StorageInfo => ({
  storage: name,
  node: 'pve1',
  type: 'dir',
  content: ['rootdir'],
  shared: false,
  active: true,
});
const entry = (template: string, section: string) => ({
  template,
  package: template,
  version: '1',
  os: 'x',
  section,
});
const offers: Offers = {
  nodes: [
    { node: 'pve1', online: true },
    { node: 'pve2', online: false },
  ],
  storages: () => [storage('local'), storage('local-lvm')],
  stored: async () => [
    { volid: 'local:vztmpl/debian-13.tar.zst', storage: 'local', node: 'pve1', sizeBytes: 1024 ** 2 },
  ],
  catalogue: async () => [entry('alpine-3.22.tar.xz', 'system'), entry('debian-13.tar.zst', 'system')],
  bridges: async () => ['vmbr0'],
};

describe('templates', () => {
  it('are listed stored ones first, then the catalogue without those, system before the rest', () => {
    const choices = templateChoices(
      [{ volid: 'local:vztmpl/b.tar.zst', storage: 'local', node: 'pve1' }],
      [entry('a-turnkey.tar.gz', 'turnkeylinux'), entry('c.tar.zst', 'system'), entry('b.tar.zst', 'system')],
    );
    expect(choices.map((choice) => choice.value)).toEqual([
      'local:vztmpl/b.tar.zst',
      'c.tar.zst',
      'a-turnkey.tar.gz',
    ]);
  });

  it('are found by typing', async () => {
    const result = askTemplate(prompts, await offers.stored('pve1'), await offers.catalogue('pve1'));
    await shown('Template');
    screen.type('alp');
    await shown('alpine');
    while (screen.getScreen().includes('debian')) await screen.next();
    screen.keypress('enter');
    expect(await result).toBe('alpine-3.22.tar.xz');
  });

  it('match every word, names that begin with it first', () => {
    const choice = (name: string) => ({ value: name, name });
    const all = ['turnkey-debian', 'debian-12', 'debian-13', 'alpine'].map(choice);
    expect(filterChoices(all, 'Debian').map((one) => one.name)).toEqual([
      'debian-12',
      'debian-13',
      'turnkey-debian',
    ]);
    expect(filterChoices(all, '13 deb').map((one) => one.name)).toEqual(['debian-13']);
  });
});

describe('a new container', () => {
  it('asks for everything but the only node and the only bridge', async () => {
    const result = askContainer(prompts, offers, {});
    await answer('Host name', 'web01');
    await shown('Template');
    await shown('debian-13');
    screen.keypress('enter');
    await shown('Storage of the root disk');
    screen.keypress('down');
    screen.keypress('enter');
    await answer('Size of the root disk', '4GiB');
    await answer('Memory', '');
    await answer('Cores', '2');
    await answer('IPv4 address', '10.0.0.5/24');
    await answer('Gateway', '10.0.0.1');
    expect(await result).toEqual({
      hostname: 'web01',
      node: 'pve1',
      template: 'local:vztmpl/debian-13.tar.zst',
      storage: 'local-lvm',
      bridge: 'vmbr0',
      rootfs: '4GiB',
      memory: '512MiB',
      cores: 2,
      ip: '10.0.0.5/24',
      gateway: '10.0.0.1',
    });
  });

  it('asks nothing when everything is given', async () => {
    const given = {
      hostname: 'web01',
      node: 'pve1',
      template: 't',
      storage: 's',
      bridge: 'b',
      rootfs: '1GiB',
      memory: '1GiB',
      cores: 1,
      ip: 'dhcp',
    };
    const none = createPrompts({ interactive: false });
    expect(await askContainer(none, offers, given)).toEqual(given);
  });

  it.each([
    ['web01', true],
    ['web01.example.org', true],
    ['-web', 'no'],
    ['web_01', 'no'],
    ['', 'no'],
  ])('host name %j: %s', (text, want) => {
    expect(validHostname(text) === true).toBe(want === true);
  });

  it('wants a unit', () => {
    expect(validSize('8GiB')).toBe(true);
    expect(validSize('8G')).toContain('did you mean 8GiB?');
    expect(validSize('0GiB')).not.toBe(true);
  });
});

describe('choosing containers', () => {
  const guest = (vmid: number, more: Partial<GuestSummary> = {}): GuestSummary => ({
    vmid,
    type: 'lxc',
    node: 'pve1',
    name: `ct${vmid}`,
    status: 'running',
    isTemplate: false,
    tags: [],
    usage: {},
    ...more,
  });

  it('lists containers only, and returns the ids of those chosen', async () => {
    const guests = [guest(102), guest(101), guest(103, { type: 'qemu' })];
    const result = askContainers(prompts, 'Which?', guests);
    await shown('Which?');
    expect(screen.getScreen()).not.toContain('103');
    screen.keypress('space');
    screen.keypress('enter');
    expect(await result).toEqual([101]);
  });
});
