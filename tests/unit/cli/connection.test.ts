import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Connection, resolveConnection } from '../../../src/cli/connection.ts';
import type { Options } from '../../../src/cli/options.ts';
import { profilePath, readProfiles } from '../../../src/cli/profile.ts';
import { formatProfiles, withProfile } from '../../../src/cli/profile-file.ts';
import { parseProfiles } from '../../../src/spec/profile.ts';

const pin = Array.from({ length: 32 }, () => 'AB').join(':');
const yaml = `
default: lab
profiles:
  lab:
    url: https://lab:8006
    token: { id: ci@pve!lab, secret: lab-secret }
    fingerprint: ${pin}
  prod:
    urls: [https://p1:8006, https://p2:8006]
    username: root@pam
    password: \${env:PROD_PASSWORD}
    caFile: ca.pem
    limits: { actions: 2 }
`;

function home(text?: string, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'pvefleet-profile-'));
  mkdirSync(join(folder, 'pvefleet'));
  if (text !== undefined) {
    writeFileSync(join(folder, 'pvefleet/config.yaml'), text);
    chmodSync(join(folder, 'pvefleet/config.yaml'), mode);
  }
  writeFileSync(join(folder, 'pvefleet/ca.pem'), 'PEM');
  return folder;
}

function resolve(
  folder: string,
  options: Partial<Options>,
  env: Record<string, string> = {},
  askPassword?: (username: string) => Promise<string>,
): Promise<Connection> {
  return resolveConnection({
    options: { output: 'human', ...options },
    host: { env: { XDG_CONFIG_HOME: folder, ...env }, cwd: folder },
    resolveSecret: async (reference) => `<${reference}>`,
    ...(askPassword ? { askPassword } : {}),
  });
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
const token = (tokenId: string, secret: string) => ({ kind: 'token', tokenId, secret });
const environment = {
  PVEFLEET_URL: 'https://env:8006',
  PVEFLEET_TOKEN_ID: 'ci@pve!env',
  PVEFLEET_TOKEN_SECRET: 'env-secret',
};

describe('where the connection comes from', () => {
  it('is the default profile when nothing else is said', async () => {
    const connection = await resolve(home(yaml), {});
    expect(connection).toMatchObject({
      urls: ['https://lab:8006'],
      auth: token('ci@pve!lab', 'lab-secret'),
      trust: { fingerprint: pin },
      identity: 'ci@pve!lab',
    });
  });

  it('is the profile that is named, with its CA file beside it and its limits', async () => {
    const connection = await resolve(home(yaml), { profile: 'prod' });
    expect(connection).toMatchObject({
      urls: ['https://p1:8006', 'https://p2:8006'],
      auth: { kind: 'ticket', username: 'root@pam', password: '<env:PROD_PASSWORD>' },
      trust: { caPem: 'PEM' },
      limits: { actions: 2 },
    });
  });

  it('is the environment before a profile', async () => {
    const connection = await resolve(home(yaml), {}, environment);
    expect(connection).toMatchObject({ urls: ['https://env:8006'], auth: token('ci@pve!env', 'env-secret') });
  });

  it('is a flag before the environment', async () => {
    const connection = await resolve(
      home(yaml),
      { url: 'https://a:8006, https://b:8006', tokenId: 'ci@pve!flag', tokenSecret: 'file:/s' },
      environment,
    );
    expect(connection).toMatchObject({
      urls: ['https://a:8006', 'https://b:8006'],
      auth: token('ci@pve!flag', '<file:/s>'),
    });
  });

  it('takes a secret from the environment for a token from a flag', async () => {
    const { auth } = await resolve(
      home(),
      { url: 'https://a:8006', tokenId: 'ci@pve!x' },
      { PVEFLEET_TOKEN_SECRET: 's' },
    );
    expect(auth).toEqual(token('ci@pve!x', 's'));
  });

  it('logs in with password and one-time password', async () => {
    const { auth } = await resolve(
      home(),
      {},
      {
        PVEFLEET_URL: 'https://a:8006',
        PVEFLEET_USERNAME: 'tfa@pve',
        PVEFLEET_PASSWORD: 'pw',
        PVEFLEET_OTP: '123456',
      },
    );
    expect(auth).toEqual({ kind: 'ticket', username: 'tfa@pve', password: 'pw', otp: '123456' });
  });

  it('asks for a password only when it is given nowhere', async () => {
    const env = { PVEFLEET_URL: 'https://a:8006', PVEFLEET_USERNAME: 'root@pam' };
    const { auth } = await resolve(home(), {}, env, async (user) => `typed for ${user}`);
    expect(auth).toMatchObject({ password: 'typed for root@pam' });
  });
});

describe('secrets go nowhere else', () => {
  it('does not send the default profile’s token to a URL from elsewhere', async () => {
    const error = await failure(resolve(home(yaml), { url: 'https://stranger:8006' }));
    expect(error).toMatchObject({ exitCode: 2, code: 'PROFILE_INCOMPLETE' });
  });

  it('mixes a profile that is named with another URL', async () => {
    const connection = await resolve(home(yaml), { url: 'https://lab2:8006', profile: 'lab' });
    expect(connection).toMatchObject({
      urls: ['https://lab2:8006'],
      auth: token('ci@pve!lab', 'lab-secret'),
    });
  });

  it('does not give the profile’s secret to another token', async () => {
    const error = await failure(resolve(home(yaml), { profile: 'lab', tokenId: 'ci@pve!other' }));
    expect(error).toMatchObject({ exitCode: 2, code: 'PROFILE_INCOMPLETE' });
  });

  it('refuses a secret on the command line without repeating it', async () => {
    const error = (await failure(
      resolve(home(), { url: 'https://a:8006', tokenId: 'ci@pve!x', tokenSecret: 'hunter2' }),
    )) as Error;
    expect(error).toMatchObject({ exitCode: 2 });
    expect(JSON.stringify(error) + error.message).not.toContain('hunter2');
  });

  it('refuses a file with secrets that others may read', async () => {
    const error = await failure(resolve(home(yaml, 0o644), {}));
    expect(error).toMatchObject({
      exitCode: 2,
      code: 'PROFILE_MODE',
      hint: expect.stringContaining('chmod 600'),
    });
  });

  it('lets others read a file that holds only references', async () => {
    const text = `profiles: { lab: { url: "https://lab:8006", token: { id: "ci@pve!l", secret: "\${env:S}" } } }\n`;
    expect((await resolve(home(text, 0o644), {})).auth).toEqual(token('ci@pve!l', '<env:S>'));
  });
});

describe('what is wrong is said', () => {
  const table: [
    name: string,
    text: string | undefined,
    options: Partial<Options>,
    env: Record<string, string>,
    want: object,
  ][] = [
    [
      'nothing at all',
      undefined,
      {},
      {},
      { code: 'PROFILE_MISSING', hint: expect.stringContaining('pvefleet init') },
    ],
    [
      'an unknown profile',
      yaml,
      { profile: 'lb' },
      {},
      { code: 'PROFILE_MISSING', hint: 'did you mean lab?' },
    ],
    ['a named profile without a file', undefined, { profile: 'lab' }, {}, { code: 'PROFILE_MISSING' }],
    [
      'a named file that is not there',
      undefined,
      { config: '/no/such.yaml' },
      {},
      { code: 'PROFILE_MISSING' },
    ],
    [
      'several profiles and no default',
      yaml.replace('default: lab', ''),
      {},
      {},
      { hint: 'choose one with --profile: lab, prod' },
    ],
    ['a broken file', 'profiles: { lab: { uri: x } }', {}, {}, { code: 'PROFILE_INVALID', exitCode: 2 }],
    [
      'a CA file that is not there',
      undefined,
      { caFile: 'no.pem' },
      environment,
      { message: expect.stringContaining('no.pem') },
    ],
    [
      'a user without password',
      undefined,
      {},
      { PVEFLEET_URL: 'https://a:8006', PVEFLEET_USERNAME: 'a@pve' },
      { code: 'PROFILE_INCOMPLETE' },
    ],
  ];
  it.each(table)('%s', async (_, text, options, env, want) => {
    expect(await failure(resolve(home(text), options, env))).toMatchObject({ exitCode: 2, ...want });
  });
});

describe('the file', () => {
  it.each([
    [{ config: 'my.yaml' }, {}, '/work/my.yaml'],
    [{}, { PVEFLEET_CONFIG: '/etc/p.yaml' }, '/etc/p.yaml'],
    [{}, { XDG_CONFIG_HOME: '/xdg' }, '/xdg/pvefleet/config.yaml'],
    [{}, { XDG_CONFIG_HOME: 'relative', HOME: '/home/me' }, '/home/me/.config/pvefleet/config.yaml'],
  ])('%j %j is %s', (options, env, want) => {
    expect(profilePath({ options, host: { env, cwd: '/work' } })).toBe(want);
  });

  it('reads back what it writes, for any text in a secret', async () => {
    const secret = `a"b\\c: #d\n\${env:X} é`;
    const text = formatProfiles(
      [
        {
          name: 'lab',
          urls: ['https://a:8006'],
          token: { id: 'ci@pve!x', secret: { kind: 'literal', value: secret } },
          fingerprint: pin,
        },
      ],
      'lab',
    );
    const { profiles } = parseProfiles('f', text);
    expect(profiles).toMatchObject({
      default: 'lab',
      profiles: {
        lab: {
          urls: ['https://a:8006'],
          token: { id: 'ci@pve!x', secret: { value: secret } },
          fingerprint: pin,
        },
      },
    });
  });

  it('keeps the other profiles and the default when one is added', async () => {
    const folder = home(yaml);
    const { profiles } = await readProfiles({
      options: {},
      host: { env: { XDG_CONFIG_HOME: folder }, cwd: folder },
    });
    const text = withProfile(profiles, {
      name: 'new',
      urls: ['https://n:8006'],
      username: 'a@pve',
      password: { kind: 'reference', reference: 'env:P' },
    });
    const again = parseProfiles('f', text).profiles;
    expect(Object.keys(again?.profiles ?? {})).toEqual(['lab', 'prod', 'new']);
    expect(again?.default).toBe('lab');
    expect(again?.profiles['prod']).toMatchObject({
      urls: ['https://p1:8006', 'https://p2:8006'],
      caFile: 'ca.pem',
      limits: { actions: 2 },
    });
    expect(again?.profiles['new']?.password).toEqual({ kind: 'reference', reference: 'env:P' });
  });
});
