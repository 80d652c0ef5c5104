/**
 * How to reach the cluster: flags, else environment, else the profile. A secret never comes from a flag itself, only a
 * reference to it. A profile that nobody named is not mixed with a URL from elsewhere, so that no secret of it can be
 * sent to another server.
 */
import { readFileSync } from 'node:fs';
import type { TicketCredentials, TokenAuth, Trust } from '../api/types.ts';
import type { Limits } from '../engine/context.ts';
import type { ConnectionProfile, SecretSource } from '../spec/profile.ts';
import { messageOf, UsageError } from '../util/errors.ts';
import type { Host } from './host.ts';
import type { Options } from './options.ts';
import { findProfile } from './profile.ts';

/** Everything a client needs to connect; holds secrets. */
export interface Connection {
  readonly urls: readonly string[];
  readonly auth: TokenAuth | TicketCredentials;
  readonly trust: Trust;
  /** `user@realm` or `user@realm!token`. */
  readonly identity: string;
  /** As the profile has them. */
  readonly limits?: Partial<Limits>;
}

/** What {@link resolveConnection} works with. */
export interface ConnectionSources {
  readonly options: Options;
  readonly host: Pick<Host, 'env' | 'cwd'>;
  readonly resolveSecret: (reference: string) => Promise<string>;
  /** Asks for a password that is given nowhere; absent: an error. */
  readonly askPassword?: (username: string) => Promise<string>;
}

/** Where one set of settings comes from. */
interface Source {
  readonly urls?: readonly string[];
  readonly tokenId?: string;
  readonly username?: string;
  readonly caFile?: string;
  readonly fingerprint?: string;
  /** Gives the secret that belongs to the token or user, when this source has it. */
  readonly tokenSecret?: () => Promise<string>;
  readonly password?: () => Promise<string>;
}

function splitUrls(text: string | undefined): readonly string[] | undefined {
  const urls = text?.split(',').map((url) => url.trim());
  const given = urls?.filter((url) => url !== '');
  return given && given.length > 0 ? given : undefined;
}

const reference = /^(env|file|command):./;

/** A flag that must hold a reference; its value is never shown, because it may be the secret itself. */
function secretFlag(
  flag: string,
  value: string | undefined,
  sources: ConnectionSources,
): (() => Promise<string>) | undefined {
  if (value === undefined) return undefined;
  if (!reference.test(value)) {
    throw new UsageError(`${flag} takes a reference to the secret, not the secret`, {
      hint: 'write env:NAME, file:PATH or command:PROGRAM; a command line can be read by everybody on the machine',
    });
  }
  return () => sources.resolveSecret(value);
}

function orUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function fixed(text: string | undefined): (() => Promise<string>) | undefined {
  return text === undefined || text === '' ? undefined : async () => text;
}

/** Leaves out members that are undefined, as exactOptionalPropertyTypes wants it. */
function given(source: { readonly [K in keyof Source]: Source[K] | undefined }): Source {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined)) as Source;
}

function flagSource(sources: ConnectionSources): Source {
  const { options } = sources;
  return given({
    urls: splitUrls(options.url),
    tokenId: options.tokenId,
    username: options.username,
    caFile: options.caFile,
    fingerprint: options.fingerprint,
    tokenSecret: secretFlag('--token-secret', options.tokenSecret, sources),
    password: secretFlag('--password', options.password, sources),
  });
}

function environmentSource(env: Host['env']): Source {
  return given({
    urls: splitUrls(env['PVEFLEET_URL']),
    tokenId: orUndefined(env['PVEFLEET_TOKEN_ID']),
    username: orUndefined(env['PVEFLEET_USERNAME']),
    caFile: orUndefined(env['PVEFLEET_CA_FILE']),
    fingerprint: orUndefined(env['PVEFLEET_FINGERPRINT']),
    tokenSecret: fixed(env['PVEFLEET_TOKEN_SECRET']),
    password: fixed(env['PVEFLEET_PASSWORD']),
  });
}

function profileSource(profile: ConnectionProfile | undefined, sources: ConnectionSources): Source {
  if (!profile) return {};
  const secret = (source: SecretSource | undefined): (() => Promise<string>) | undefined =>
    source &&
    (async () => (source.kind === 'literal' ? source.value : sources.resolveSecret(source.reference)));
  return given({
    urls: profile.urls,
    tokenId: profile.token?.id,
    username: profile.username,
    caFile: profile.caFile,
    fingerprint: profile.fingerprint,
    tokenSecret: secret(profile.token?.secret),
    password: secret(profile.password),
  });
}

/** A secret may come from a later source than its name, unless that source names somebody else. */
function secretFrom(
  list: readonly Source[],
  name: 'tokenId' | 'username',
  id: string,
  secret: 'tokenSecret' | 'password',
): (() => Promise<string>) | undefined {
  return list.find((source) => source[secret] && (source[name] ?? id) === id)?.[secret];
}

async function credentials(
  list: readonly Source[],
  sources: ConnectionSources,
): Promise<TokenAuth | TicketCredentials> {
  const first = list.find((source) => source.tokenId !== undefined || source.username !== undefined);
  if (first?.tokenId !== undefined) {
    const secret = await secretFrom(list, 'tokenId', first.tokenId, 'tokenSecret')?.();
    if (secret !== undefined) return { kind: 'token', tokenId: first.tokenId, secret };
    throw new UsageError(`there is no secret for the token ${first.tokenId}`, {
      code: 'PROFILE_INCOMPLETE',
      hint: 'set PVEFLEET_TOKEN_SECRET, or use --token-secret file:PATH',
    });
  }
  if (first?.username !== undefined) {
    const { username } = first;
    const password =
      (await secretFrom(list, 'username', username, 'password')?.()) ??
      (await sources.askPassword?.(username));
    if (password === undefined) {
      throw new UsageError(`there is no password for ${username}`, {
        code: 'PROFILE_INCOMPLETE',
        hint: 'set PVEFLEET_PASSWORD, or use --password file:PATH',
      });
    }
    const otp = orUndefined(sources.host.env['PVEFLEET_OTP']);
    return { kind: 'ticket', username, password, ...(otp === undefined ? {} : { otp }) };
  }
  throw new UsageError('there are no credentials', {
    code: 'PROFILE_INCOMPLETE',
    hint: 'set PVEFLEET_TOKEN_ID and PVEFLEET_TOKEN_SECRET, or run pvefleet init',
  });
}

/** Reads the CA file; both members of trust come from the same source. */
function trustFrom(list: readonly Source[], cwd: string): Trust {
  const source = list.find((one) => one.caFile !== undefined || one.fingerprint !== undefined);
  if (!source) return {};
  const { caFile, fingerprint } = source;
  const pin = fingerprint === undefined ? {} : { fingerprint };
  if (caFile === undefined) return pin;
  try {
    return { ...pin, caPem: readFileSync(caFile.startsWith('/') ? caFile : `${cwd}/${caFile}`, 'utf8') };
  } catch (error) {
    throw new UsageError(`cannot read the CA file ${caFile}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Finds out how to connect.
 *
 * @param sources - flags, environment, and how to get secrets.
 * @returns the connection.
 * @throws {@link UsageError} that says what is missing and how to give it.
 */
export async function resolveConnection(sources: ConnectionSources): Promise<Connection> {
  const { options, host } = sources;
  const own = [flagSource(sources), environmentSource(host.env)];
  const named = options.profile ?? orUndefined(host.env['PVEFLEET_PROFILE']);
  const elsewhere = own.find((source) => source.urls !== undefined)?.urls;
  const profile =
    named !== undefined || elsewhere === undefined
      ? await findProfile({ options, host, ...(named === undefined ? {} : { name: named }) })
      : undefined;
  const list = [...own, profileSource(profile, sources)];
  const urls = elsewhere ?? profile?.urls;
  if (!urls) {
    throw new UsageError('no connection is configured', {
      code: 'PROFILE_MISSING',
      hint: 'run pvefleet init, or set PVEFLEET_URL, PVEFLEET_TOKEN_ID and PVEFLEET_TOKEN_SECRET',
    });
  }
  const auth = await credentials(list, sources);
  return {
    urls,
    auth,
    trust: trustFrom(list, host.cwd),
    identity: auth.kind === 'token' ? auth.tokenId : auth.username,
    ...(profile?.limits === undefined ? {} : { limits: profile.limits }),
  };
}
