/**
 * First access to a container that is there already: the password of a user, and the keys that may log in. Secrets go in
 * as input of a program, never as one of its words.
 */
import { PvefleetError } from '../util/errors.ts';
import { runCommand } from './run-command.ts';
import type { Shell } from './shell.ts';

/** The container's own tools did not do it. */
class AccessError extends PvefleetError {
  override readonly code = 'ACCESS_FAILED';
  override readonly exitCode = 5;
}

/** What became of the keys. */
export interface KeysResult {
  readonly added: number;
  /** Were authorised before. */
  readonly present: number;
}

/** chpasswd takes `user:password`; passwd asks twice and reads its input where there is no terminal. */
const passwordScript = `u=$1
IFS= read -r p
if command -v chpasswd >/dev/null 2>&1; then printf '%s:%s\\n' "$u" "$p" | chpasswd
elif command -v passwd >/dev/null 2>&1; then printf '%s\\n%s\\n' "$p" "$p" | passwd "$u"
else echo 'neither chpasswd nor passwd is there' >&2; exit 1; fi`;

/** Runs as the user itself, so that a link in its home cannot send root's hand elsewhere. Compares keys, not comments. */
const keysScript = `umask 077
d=$HOME/.ssh f=$HOME/.ssh/authorized_keys a=0 n=0
mkdir -p "$d" && chmod 700 "$d" || exit
[ -f "$f" ] || : >"$f" || exit
chmod 600 "$f" || exit
[ -z "$(tail -c 1 "$f")" ] || echo >>"$f" || exit
while IFS= read -r line; do
  key=\${line%% pvefleet-key *}; text=\${line#* pvefleet-key }
  if grep -qF -- "$key" "$f"; then n=$((n+1)); else printf '%s\\n' "$text" >>"$f" || exit; a=$((a+1)); fi
done
echo "$a $n"`;

async function run(
  shell: Shell,
  script: string,
  options: { readonly args?: readonly string[]; readonly user?: string; readonly stdin: string },
): Promise<string> {
  const out = { stdout: '', stderr: '' };
  const { args = [], user, stdin } = options;
  const { exitCode } = await runCommand(
    shell,
    {
      argv: ['sh', '-c', script, 'sh', ...args],
      ...(user === undefined ? {} : { user }),
    },
    {
      stdin: [Buffer.from(stdin)],
      onOutput: (stream, bytes) => {
        out[stream] += Buffer.from(bytes).toString();
      },
    },
  );
  if (exitCode === 0) return out.stdout;
  const why = (out.stderr || out.stdout).trim().split('\n').at(-1) ?? '';
  throw new AccessError(
    why === '' ? `the container answers with exit code ${exitCode}` : why.replace(/^pvefleet: /, ''),
  );
}

/**
 * Sets a user's password.
 *
 * @param shell - of the container; not closed.
 * @param user - login name.
 * @param password - one line, not empty.
 * @throws AccessError with what the container's tool says.
 */
export async function setPassword(shell: Shell, user: string, password: string): Promise<void> {
  await run(shell, passwordScript, { args: [user], stdin: `${password}\n` });
}

/** Key type and key of a line in OpenSSH's format, without options and comment. */
const keyPattern = /(?:^|\s)((?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA[A-Za-z0-9+/]+={0,3})(?:\s|$)/;

/**
 * Takes the public keys out of a file's text.
 *
 * @param text - as of `id_ed25519.pub` or authorized_keys.
 * @returns lines with their keys.
 * @throws nothing; `rejected` holds the first line that is no public key.
 */
export function readKeys(text: string): {
  readonly keys: readonly { readonly key: string; readonly line: string }[];
  readonly rejected?: string;
} {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const keys = lines.flatMap((line) => {
    const key = keyPattern.exec(line)?.[1];
    return key === undefined ? [] : [{ key, line }];
  });
  const rejected = lines.find((line) => !keyPattern.test(line));
  return rejected === undefined ? { keys } : { keys, rejected };
}

/**
 * Authorises public keys for a user, each once.
 *
 * @param shell - of the container; not closed.
 * @param user - login name.
 * @param keys - of {@link readKeys}.
 * @returns how many were added.
 * @throws AccessError with what the container says.
 */
export async function authoriseKeys(
  shell: Shell,
  user: string,
  keys: ReturnType<typeof readKeys>['keys'],
): Promise<KeysResult> {
  const stdin = keys.map(({ key, line }) => `${key} pvefleet-key ${line}\n`).join('');
  const [added = 0, present = 0] = (await run(shell, keysScript, { user, stdin }))
    .trim()
    .split(' ')
    .map(Number);
  return { added, present };
}
