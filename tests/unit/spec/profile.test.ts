import { describe, expect, it } from 'vitest';
import { parseProfiles } from '../../../src/spec/profile.ts';
import { summary, unmark } from './support.ts';

const parse = (text: string) => parseProfiles('config.yaml', text);

describe('parseProfiles', () => {
  it('reads tokens, users, references and literals', () => {
    const { profiles, diagnostics } = parse(`default: lab
profiles:
  lab:
    url: https://pve1:8006/
    token: { id: automation@pve!fleet, secret: '\${env:TOKEN}' }
    fingerprint: ${'AA:'.repeat(31)}BB
    limits: { actions: 4 }
  root: { urls: ['https://a:8006', 'http://127.0.0.1:8080'], username: root@pam, password: hunter2, caFile: ca.pem }
`);
    expect(diagnostics).toEqual([]);
    expect(profiles).toMatchObject({ default: 'lab', hasLiteralSecrets: true });
    expect(profiles?.profiles['lab']).toMatchObject({
      name: 'lab',
      urls: ['https://pve1:8006'],
      token: { id: 'automation@pve!fleet', secret: { kind: 'reference', reference: 'env:TOKEN' } },
      limits: { actions: 4 },
      origin: { line: 3, column: 3 },
    });
    expect(profiles?.profiles['root']).toMatchObject({
      urls: ['https://a:8006', 'http://127.0.0.1:8080'],
      username: 'root@pam',
      password: { kind: 'literal', value: 'hunter2' },
      caFile: 'ca.pem',
    });
  });

  it('tells when no secret stands in the file', () => {
    const { profiles } = parse(`profiles: { a: { url: 'https://a:8006', password: '\${file:/x}' } }`);
    expect(profiles?.hasLiteralSecrets).toBe(false);
  });

  it.each([
    ['a syntax error', 'profiles: [«»', 'SPEC_YAML'],
    ['a list', '«- a»', 'PROFILE_TYPE'],
    ['no profiles', '«»default: a\n', 'PROFILE_MISSING'],
    [
      'an unknown default',
      'default: «labb»\nprofiles: { lab: { url: "https://a:8006" } }',
      'PROFILE_UNKNOWN',
    ],
    [
      'an unknown key',
      'profiles: { lab: { url: "https://a:8006", «usernam»: a@pam } }',
      'PROFILE_UNKNOWN_KEY',
    ],
    [
      'an unknown key of the token',
      'profiles: { a: { url: "https://a:8006", token: { id: a@b!c, «secrett»: x } } }',
      'PROFILE_UNKNOWN_KEY',
    ],
    ['no URL', 'profiles: { «lab»: { username: root@pam } }', 'PROFILE_URL'],
    [
      'both kinds of URL',
      'profiles: { «lab»: { url: "https://a:8006", urls: ["https://b:8006"] } }',
      'PROFILE_URL',
    ],
    ['a host name as URL', 'profiles: { lab: { url: «pve1:8006» } }', 'PROFILE_URL'],
    ['plain HTTP to another machine', 'profiles: { lab: { url: «"http://pve1:8006"» } }', 'PROFILE_URL'],
    ['a user in the URL', 'profiles: { lab: { url: «"https://root:x@pve1:8006"» } }', 'PROFILE_URL'],
    ['a path in the URL', 'profiles: { lab: { url: «"https://pve1:8006/api2/json"» } }', 'PROFILE_URL'],
    [
      'a token id without name',
      'profiles: { lab: { url: "https://a:8006", token: { id: «a@pve» } } }',
      'PROFILE_VALUE',
    ],
    [
      'a token without id',
      'profiles: { lab: { url: "https://a:8006", token: «{ secret: x }» } }',
      'PROFILE_VALUE',
    ],
    [
      'a user without realm',
      'profiles: { lab: { url: "https://a:8006", username: «root» } }',
      'PROFILE_VALUE',
    ],
    [
      'token and user',
      'profiles: { lab: { url: "https://a:8006", token: { id: a@b!c }, «username»: root@pam } }',
      'PROFILE_VALUE',
    ],
    [
      'a short fingerprint',
      'profiles: { lab: { url: "https://a:8006", fingerprint: «AA:BB» } }',
      'PROFILE_VALUE',
    ],
    [
      'a bad reference',
      `profiles: { lab: { url: "https://a:8006", password: «'\${vault:x}'» } }`,
      'SPEC_SECRET',
    ],
    ['a number as password', 'profiles: { lab: { url: "https://a:8006", password: «123» } }', 'PROFILE_TYPE'],
    [
      'a limit of 0',
      'profiles: { lab: { url: "https://a:8006", limits: { actions: «0» } } }',
      'PROFILE_VALUE',
    ],
    ['a text as profile', 'profiles: { lab: «https» }', 'PROFILE_TYPE'],
    ['a name with blanks', 'profiles: { «my lab»: {} }', 'PROFILE_NAME'],
  ])('finds %s', (_name, marked, code) => {
    const { text, at } = unmark(marked);
    const result = parse(text);
    expect(summary(result)).toEqual([`config.yaml ${at} ${code}`]);
    expect(result.profiles).toBeUndefined();
  });
});
