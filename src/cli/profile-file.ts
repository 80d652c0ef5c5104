/** Profiles → the file they are kept in. Values are written as JSON strings, which are YAML as well. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ConnectionProfile, ConnectionProfiles, SecretSource } from '../spec/profile.ts';

const quote = (text: string): string => JSON.stringify(text);

function secretText(secret: SecretSource): string {
  return quote(secret.kind === 'literal' ? secret.value : `\${${secret.reference}}`);
}

function profileLines(profile: Omit<ConnectionProfile, 'origin'>): string[] {
  const { name, urls, token, username, password, caFile, fingerprint, limits } = profile;
  const [url] = urls;
  return [
    `  ${name}:`,
    urls.length === 1 && url !== undefined
      ? `    url: ${quote(url)}`
      : `    urls: [${urls.map(quote).join(', ')}]`,
    ...(token ? ['    token:', `      id: ${quote(token.id)}`] : []),
    ...(token?.secret ? [`      secret: ${secretText(token.secret)}`] : []),
    ...(username === undefined ? [] : [`    username: ${quote(username)}`]),
    ...(password ? [`    password: ${secretText(password)}`] : []),
    ...(caFile === undefined ? [] : [`    caFile: ${quote(caFile)}`]),
    ...(fingerprint === undefined ? [] : [`    fingerprint: ${quote(fingerprint)}`]),
    ...(limits ? [`    limits: ${JSON.stringify(limits)}`] : []),
  ];
}

/**
 * Writes profiles as text.
 *
 * @param profiles - all profiles.
 * @param initial - name of the default one.
 * @returns YAML that parseProfiles reads back.
 */
export function formatProfiles(
  profiles: readonly Omit<ConnectionProfile, 'origin'>[],
  initial: string | undefined,
): string {
  return [
    '# Connection profiles of pvefleet. This file may hold secrets: keep its mode at 0600.',
    `# A secret may also be a reference: \${env:NAME}, \${file:PATH} or \${command:PROGRAM ARG}.`,
    ...(initial === undefined ? [] : [`default: ${quote(initial)}`]),
    'profiles:',
    ...profiles.flatMap(profileLines),
    '',
  ].join('\n');
}

/**
 * Adds or replaces a profile.
 *
 * @param existing - what is there.
 * @param profile - the new one; becomes the default when it is the first.
 * @returns text of the whole file.
 */
export function withProfile(
  existing: ConnectionProfiles | undefined,
  profile: Omit<ConnectionProfile, 'origin'>,
): string {
  const others = Object.values(existing?.profiles ?? {}).filter((one) => one.name !== profile.name);
  const initial = existing ? existing.default : profile.name;
  return formatProfiles([...others, profile], initial);
}

/**
 * Replaces a private file only when the new one is complete.
 *
 * @param path - absolute path; missing folders are made.
 * @param text - contents.
 */
export async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, text, { mode: 0o600, flag: 'wx' });
  await rename(fresh, path);
}
