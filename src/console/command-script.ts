/**
 * The two scripts of a run, in POSIX sh: `cmd` becomes the command (user, folder, environment), `run` starts it, keeps its
 * exit code and ends it when its time is over. Text only.
 */
import { quote } from './quote.ts';

/** A command for a container. */
export interface CommandSpec {
  /** Program and arguments; no shell is between. */
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the user's home. */
  readonly cwd?: string;
  /** Default: who the console's shell runs as, root. */
  readonly user?: string;
  /** Whole seconds after which it is ended; then its exit code is 124. */
  readonly timeoutSeconds?: number;
}

/** Exit code of a command that ran out of time, as of timeout(1). */
const timeoutExitCode = 124;
/** Exit code when user or folder of a command are not there. */
const cannotStartExitCode = 126;
/** Seconds between the polite and the impolite end of a command whose time is over. */
const graceSeconds = 5;

/** Finds the user's entry and becomes that user; falls through for the one that it is already. */
function becoming(user: string): string {
  return `u=${quote(user)}
p=$( (getent passwd "$u" || while IFS= read -r y; do case $y in "$u":*) printf '%s\\n' "$y";; esac; done </etc/passwd) 2>/dev/null)
[ -n "$p" ] || { echo "pvefleet: there is no user $u" >&2; exit ${cannotStartExitCode}; }
set -f; IFS=:; set -- $p; set +f; unset IFS
export USER="$1" LOGNAME="$1" HOME="$6" SHELL="\${7:-/bin/sh}"
if [ "$(id -u)" != "$3" ]; then
  if command -v runuser >/dev/null 2>&1; then exec runuser -u "$1" -- /bin/sh -c "$i"
  elif command -v su >/dev/null 2>&1; then exec su -s /bin/sh "$1" -c "$i"
  elif setpriv --help 2>&1 | grep -q reuid; then exec setpriv --reuid="$3" --regid="$4" --init-groups /bin/sh -c "$i"
  elif chroot --help 2>&1 | grep -q userspec; then exec chroot --userspec="$3:$4" / /bin/sh -c "$i"
  else echo "pvefleet: no runuser, su or setpriv is there to become $u" >&2; exit ${cannotStartExitCode}; fi
fi
`;
}

/**
 * Gives the script that becomes the command.
 *
 * @param spec - the command; words without NUL.
 * @returns lines of POSIX sh.
 */
export function commandScript(spec: CommandSpec): string {
  const { argv, env = {}, cwd, user } = spec;
  const folder =
    cwd === undefined
      ? 'cd "$HOME" 2>/dev/null || cd /'
      : `cd -- ${quote(cwd)} 2>/dev/null || { echo "pvefleet: cannot enter the folder" ${quote(cwd)} >&2; exit ${cannotStartExitCode}; }`;
  const variables = [
    ...['HOME', 'USER', 'LOGNAME', 'SHELL', 'PATH'].map((name) => `${name}="$${name}"`),
    'TERM=dumb',
    'container=lxc',
    ...Object.entries(env).map(([name, value]) => quote(`${name}=${value}`)),
  ];
  // env would take a program with = in its name for a variable
  const program = argv[0]?.includes('=') ? ['sh', '-c', 'exec "$@"', 'sh', ...argv] : argv;
  const inner = [
    'umask 022',
    folder,
    `exec env -i ${variables.join(' ')} ${program.map(quote).join(' ')}`,
  ].join('\n');
  return `export HOME="\${HOME:-/root}" USER="\${USER:-$(id -un 2>/dev/null || echo root)}" SHELL="\${SHELL:-/bin/sh}"
export LOGNAME="\${LOGNAME:-$USER}" PATH="\${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
i=${quote(inner)}
${user === undefined ? '' : becoming(user)}eval "$i"
`;
}

/** What a run reads, and what it is to tell about what it wrote. */
export interface RunFiles {
  /** File of its input in the run's folder, with `+` in front when it is in the spool; absent: none. */
  readonly stdin?: string;
  /** Tool that makes the checksum of its output; absent: none is made. */
  readonly digest?: string;
}

/**
 * Gives the script that runs the command in the background, apart from any terminal.
 *
 * @param folder - of the run, inside the container.
 * @param spool - folder of its streams.
 * @param spec - for its time.
 * @param files - its input, and whether its output is to be summed up.
 * @returns lines of POSIX sh.
 */
export function runScript(
  folder: string,
  spool: string,
  spec: Pick<CommandSpec, 'timeoutSeconds'>,
  { stdin, digest = '' }: RunFiles = {},
): string {
  const input =
    stdin === undefined ? '/dev/null' : stdin.startsWith('+') ? `"$S"/${stdin.slice(1)}` : `"$D"/${stdin}`;
  const { timeoutSeconds } = spec;
  const watch =
    timeoutSeconds === undefined
      ? ''
      : `(
  trap '' HUP INT TERM
  going() { [ -d "$D" ] && [ ! -f "$D/x" ]; }
  n=0; while [ $n -lt ${timeoutSeconds} ]; do going || exit; sleep 1; n=$((n+1)); done
  going || exit
  : >"$D/t"
  kill -TERM -$$
  n=0; while [ $n -lt ${graceSeconds} ]; do going || exit; sleep 1; n=$((n+1)); done
  going || exit
  echo ${timeoutExitCode} t >"$D/x." && mv "$D/x." "$D/x"
  kill -KILL -$$
) &
`;
  // the traps keep this script alive when its group is told to end; a command resets them
  return `D=${quote(folder)}
S=${quote(spool)}
umask 077
trap : HUP INT TERM
echo $$ >"$D/pid." && mv "$D/pid." "$D/pid"
${watch}exec 3<${input}
[ ${stdin === undefined ? 0 : 1} = 1 ] && rm -f ${input}
(exec sh "$D/cmd" 3<&-) <&3 >"$S/o" 2>"$S/e"
c=$?
t=-; [ -f "$D/t" ] && c=${timeoutExitCode} t=t
set -- ${digest === '' ? '-' : `$(${digest} <"$S/o")`}
[ -f "$D/x" ] || { echo $c $t "$1" >"$D/x." && mv "$D/x." "$D/x"; }
`;
}
