/** `password NAME`: a user's password in a container, and SSH keys. The password is never a word of a command line. */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { readKeys } from '../../console/access.ts';
import { setAccess } from '../../engine/inside/access.ts';
import { renderAccess } from '../../render/inside.ts';
import { type ExitCode, messageOf, UsageError } from '../../util/errors.ts';
import { readInput } from '../files.ts';
import { offerShell, oneContainer } from '../inside.ts';
import type { Invocation } from '../invocation.ts';
import type { Options } from '../options.ts';
import type { Runtime } from '../runtime.ts';

/** Without characters that look alike. */
const alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const generatedLength = 20;
const how =
  'use --password-file FILE, --stdin or --generate FILE; only keys: --ssh-key FILE without any of them';

function generate(): string {
  return Array.from({ length: generatedLength }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** One line; a password with a newline cannot be typed anyway. */
function checked(text: string): string {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('the password is empty');
  if (/[\0\r\n]/.test(password)) throw new UsageError('the password has more than one line');
  return password;
}

async function askFor(runtime: Runtime, user: string): Promise<string> {
  const prompts = await runtime.prompts();
  const first = checked(await prompts.secret({ message: `New password of ${user}` }));
  if (first !== (await prompts.secret({ message: 'Again' }))) throw new UsageError('the passwords differ');
  return first;
}

async function passwordFrom(
  runtime: Runtime,
  options: Options,
  user: string,
  isOptional: boolean,
): Promise<string | undefined> {
  const { passwordFile, stdin, generate: target } = options;
  if ([passwordFile, stdin, target].filter((one) => one !== undefined).length > 1)
    throw new UsageError('the password comes from one place', { hint: how });
  if (passwordFile !== undefined) return checked(await readInput(runtime, passwordFile, 'password file'));
  if (stdin) return checked(await readInput(runtime, '-', 'password'));
  if (target !== undefined) {
    const password = generate();
    try {
      await writeFile(runtime.path(target), `${password}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      throw new UsageError(`cannot write the password to ${target}: ${messageOf(error)}`, { cause: error });
    }
    return password;
  }
  if (isOptional) return undefined;
  if (!runtime.interactive) {
    throw new UsageError('password was not told what to set', { code: 'NO_TERMINAL', hint: how });
  }
  return askFor(runtime, user);
}

async function keysFrom(
  runtime: Runtime,
  files: readonly string[],
): Promise<ReturnType<typeof readKeys>['keys']> {
  const all: { readonly key: string; readonly line: string }[] = [];
  for (const file of files) {
    const text = await readInput(runtime, file, 'key file');
    const { keys, rejected } = readKeys(text);
    if (/PRIVATE KEY/.test(text)) {
      throw new UsageError(`${file} holds a private key`, { hint: `give the public one: ${file}.pub` });
    }
    if (rejected !== undefined || keys.length === 0)
      throw new UsageError(`${file} is no file of public SSH keys`);
    all.push(...keys);
  }
  return all;
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { user = 'root', sshKey = [] } = options;
  if (!/^[a-z_][a-z0-9_.-]*\$?$/i.test(user)) throw new UsageError(`'${user}' is no user name`);
  const keys = await keysFrom(runtime, sshKey);
  const context = await runtime.connect();
  const container = await oneContainer(context, args[0] as string);
  const password = await passwordFrom(runtime, options, user, keys.length > 0);
  const inside = await offerShell(runtime, [container]);
  const document = await runtime.interrupts.whileApplying(() =>
    setAccess(context, container, {
      ...inside,
      user,
      keys,
      ...(password === undefined ? {} : { password }),
    }),
  );
  const { generate: target } = options;
  runtime.output.result(document, () => renderAccess(document));
  if (target !== undefined) runtime.output.say(`It is in ${target}.`);
  return 0;
}
