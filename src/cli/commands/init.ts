/** `init`: asks for a connection, proves it, writes it as a profile, then a first fleet file. */
import { writeFile } from 'node:fs/promises';
import type { EngineContext } from '../../engine/context.ts';
import {
  askCredentials,
  askProfileName,
  askTrust,
  askUrl,
  type CredentialAnswers,
} from '../../prompts/connection.ts';
import { askPlace, validHostname } from '../../prompts/container.ts';
import type { Prompts } from '../../prompts/io.ts';
import type { ConnectionProfile } from '../../spec/profile.ts';
import { scaffoldFleet } from '../../spec/scaffold.ts';
import { type ExitCode, isPvefleetError, UsageError } from '../../util/errors.ts';
import { checkCertificate } from '../certificate.ts';
import type { Connection } from '../connection.ts';
import type { Invocation } from '../invocation.ts';
import { clusterOffers } from '../offers.ts';
import { type ProfileFile, readProfiles } from '../profile.ts';
import { withProfile, writePrivate } from '../profile-file.ts';
import type { Runtime } from '../runtime.ts';

const stopped = (): UsageError => new UsageError('stopped: nothing was written', { code: 'DECLINED' });

/** Fingerprint to pin; undefined when the certificate needs none. */
async function trust(url: string, prompts: Prompts, runtime: Runtime): Promise<string | undefined> {
  if (url.startsWith('http:')) return undefined;
  const check = await checkCertificate(url, runtime.interrupts.signal);
  if (!check) {
    throw new UsageError(`nothing answers at ${url}`, {
      hint: 'is the host name right, the node up, and port 8006 open from here?',
    });
  }
  if (check.trusted) return undefined;
  if (!(await askTrust(prompts, check.certificate))) throw stopped();
  return check.certificate.fingerprint;
}

function connectionOf(url: string, fingerprint: string | undefined, answers: CredentialAnswers): Connection {
  return {
    urls: [url],
    auth:
      answers.kind === 'token'
        ? { kind: 'token', tokenId: answers.tokenId, secret: answers.tokenSecret }
        : { kind: 'ticket', username: answers.username, password: answers.password },
    trust: fingerprint === undefined ? {} : { fingerprint },
    identity: answers.kind === 'token' ? answers.tokenId : answers.username,
  };
}

interface Proven {
  readonly connection: Connection;
  readonly answers: CredentialAnswers;
  readonly context: EngineContext;
}

/** Asks for credentials until the server takes them. */
async function logIn(
  url: string,
  fingerprint: string | undefined,
  prompts: Prompts,
  runtime: Runtime,
): Promise<Proven> {
  for (;;) {
    const answers = await askCredentials(prompts);
    const connection = connectionOf(url, fingerprint, answers);
    const context = await runtime.connect(connection);
    try {
      const { version } = await context.pve.get('/version', {}, { signal: context.signal });
      runtime.output.tell(`Connected to Proxmox VE ${version} as ${connection.identity}.`);
      return { connection, answers, context };
    } catch (error) {
      const isWrong = isPvefleetError(error) && ['PVE_AUTH', 'TOKEN_INVALID'].includes(error.code);
      if (!isWrong) throw error;
      runtime.output.tell(`${error.message}. Try again, or stop with Ctrl-C.`);
    }
  }
}

function profileOf(name: string, proven: Proven): Omit<ConnectionProfile, 'origin'> {
  const { connection, answers } = proven;
  const { fingerprint } = connection.trust;
  return {
    name,
    urls: connection.urls,
    ...(answers.kind === 'token'
      ? { token: { id: answers.tokenId, secret: { kind: 'literal', value: answers.tokenSecret } } }
      : { username: answers.username, password: { kind: 'literal', value: answers.password } }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/** Returns the name of the profile. */
async function keepProfile(
  proven: Proven,
  file: ProfileFile,
  prompts: Prompts,
  runtime: Runtime,
): Promise<string> {
  const existing = Object.keys(file.profiles?.profiles ?? {});
  const preset = runtime.options.profile ?? (existing.includes('default') ? 'second' : 'default');
  const name = await askProfileName(prompts, preset, existing);
  if (name === undefined) throw stopped();
  // Comments of the old file are not carried over, so it is kept beside the new one.
  if (file.text !== undefined) await writePrivate(`${file.path}.old`, file.text);
  await writePrivate(file.path, withProfile(file.profiles, profileOf(name, proven)));
  runtime.output.tell(
    `Wrote profile ${name} to ${file.path}${file.text === undefined ? '' : `; the file as it was is ${file.path}.old`}.`,
  );
  return name;
}

/** Returns the path of the fleet file, when one was written. */
async function firstFleet(
  context: EngineContext,
  prompts: Prompts,
  runtime: Runtime,
): Promise<string | undefined> {
  const file = runtime.options.file ?? 'fleet.yaml';
  if (!(await prompts.confirm({ message: `Write a first fleet file ${file}?`, default: true })))
    return undefined;
  const fleet = await prompts.text({ message: 'Name of the fleet', default: 'lab', validate: validHostname });
  const container = await prompts.text({
    message: 'Name of its first container',
    default: 'web01',
    validate: validHostname,
  });
  const place = await askPlace(prompts, await clusterOffers(context), {});
  try {
    await writeFile(runtime.path(file), scaffoldFleet({ fleet, container, ...place }), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(`${file} is there already and was left as it is`, {
      hint: 'the profile is written; for a fleet file give another name with -f FILE',
      cause: error,
    });
  }
  runtime.output.tell(`Wrote ${file}. Look ahead with: pvefleet plan -f ${file}`);
  return file;
}

export async function run(_: Invocation, runtime: Runtime): Promise<ExitCode> {
  const prompts = await runtime.prompts();
  if (!runtime.interactive) {
    throw new UsageError('init asks questions, and there is no terminal', {
      code: 'NO_TERMINAL',
      hint: 'set PVEFLEET_URL, PVEFLEET_TOKEN_ID, PVEFLEET_TOKEN_SECRET and PVEFLEET_FINGERPRINT instead',
    });
  }
  const { options, host } = runtime;
  // A broken or readable-by-all file is told before the first question.
  const file = await readProfiles({ options, host, mayBeMissing: true });
  const url = await askUrl(prompts, options.url ?? host.env['PVEFLEET_URL']);
  const fingerprint = await trust(url, prompts, runtime);
  const proven = await logIn(url, fingerprint, prompts, runtime);
  const profile = await keepProfile(proven, file, prompts, runtime);
  const fleetFile = await firstFleet(proven.context, prompts, runtime);
  runtime.output.result(
    { format: 'pvefleet.init/1', config: file.path, profile, url, ...(fleetFile ? { fleetFile } : {}) },
    () => '',
  );
  return 0;
}
