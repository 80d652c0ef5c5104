/** `completion bash|zsh|fish`: static scripts with the names of commands and flags. They never call the cluster. */
import { type ExitCode, UsageError } from '../../util/errors.ts';
import type { CommandDescription, FlagDescription, Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

/** A command with the words that lead to it; the root has none. */
interface Entry {
  readonly words: readonly string[];
  readonly command: CommandDescription;
  /** Flags of the command and of all above it. */
  readonly flags: readonly FlagDescription[];
}

function entries(
  command: CommandDescription,
  words: readonly string[],
  above: readonly FlagDescription[],
): Entry[] {
  const flags = [...command.flags, ...above];
  return [
    { words, command, flags },
    ...command.commands.flatMap((child) =>
      child.names.flatMap((name) => entries(child, [...words, name], flags)),
    ),
  ];
}

const longOf = (flag: FlagDescription): string[] => flag.names.filter((name) => name.startsWith('--'));
const filesOf = (all: readonly Entry[]): string[] => [
  ...new Set(all.flatMap(({ flags }) => flags.flatMap((flag) => (flag.takesFile ? flag.names : [])))),
];
const outputFormats = 'human json ndjson csv markdown junit';

/** Names that may follow the words. */
function wordsAfter(entry: Entry): string[] {
  return [
    ...entry.command.commands.flatMap((child) => child.names),
    ...(entry.words.join(' ') === 'completion' ? ['bash', 'zsh', 'fish'] : []),
  ];
}

function bash(all: readonly Entry[]): string {
  const cases = all.map((entry) => {
    const key = entry.words.join(' ');
    return `    '${key}') words='${wordsAfter(entry).join(' ')}'; flags='${entry.flags.flatMap(longOf).join(' ')}' ;;`;
  });
  const known = all.slice(1).map((entry) => `'${entry.words.join(' ')}'`);
  return `# bash completion of pvefleet; load it with: source <(pvefleet completion bash)
_pvefleet() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' next words flags i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
      ${known.join('|')}) path="$next" ;;
    esac
  done
  case "$previous" in
    ${filesOf(all).join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -o|--output) COMPREPLY=($(compgen -W '${outputFormats}' -- "$current")); return ;;
  esac
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -o default -F _pvefleet pvefleet
`;
}

/** A name and what it is, as `_describe` takes them. */
const zshPair = (name: string, text: string): string => `'${`${name}:${text}`.replaceAll("'", `'\\''`)}'`;

function zsh(all: readonly Entry[]): string {
  const flagsOf = (flags: readonly FlagDescription[]): string =>
    flags.flatMap((flag) => longOf(flag).map((name) => zshPair(name, flag.text))).join(' ');
  const cases = all.map((entry) => {
    const children = entry.command.commands.flatMap((child) =>
      child.names.map((name) => zshPair(name, child.text)),
    );
    const shells = entry.words.join(' ') === 'completion' ? ['bash', 'zsh', 'fish'] : [];
    const own = entry.words.length === 0 ? '' : flagsOf(entry.command.flags);
    return `    '${entry.words.join(' ')}') commands=(${[...children, ...shells].join(' ')}); flags=(${own}) ;;`;
  });
  const known = all.slice(1).map((entry) => `'${entry.words.join(' ')}'`);
  return `#compdef pvefleet
# zsh completion of pvefleet; load it with: source <(pvefleet completion zsh)
_pvefleet() {
  local place='' next i
  local -a commands flags
  for ((i = 2; i < CURRENT; i++)); do
    next="\${place:+$place }\${words[i]}"
    case "$next" in
      ${known.join('|')}) place="$next" ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
    ${filesOf(all).join('|')}) _files; return ;;
    -o|--output) compadd ${outputFormats}; return ;;
  esac
  case "$place" in
${cases.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    flags+=(${flagsOf(all[0]?.command.flags ?? [])})
    _describe 'flag' flags
  elif (( \${#commands} )); then _describe 'command' commands
  else _files; fi
}
if [[ "\${funcstack[1]}" = _pvefleet ]]; then _pvefleet "$@"; else compdef _pvefleet pvefleet; fi
`;
}

const fishText = (text: string): string => text.replaceAll(/[\\']/g, '\\$&');

function fish(all: readonly Entry[]): string {
  const lines = all.flatMap(({ words, command }) => {
    const children = command.commands.flatMap((child) => child.names);
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const condition =
      words.length === 0
        ? '__fish_use_subcommand'
        : [
            ...seen,
            ...(children.length > 0 ? [`not __fish_seen_subcommand_from ${children.join(' ')}`] : []),
          ].join('; and ');
    const names = command.commands.flatMap((child) =>
      child.names.map(
        (name) => `complete -c pvefleet -f -n '${condition}' -a ${name} -d '${fishText(child.text)}'`,
      ),
    );
    const flags = command.flags.map((flag) => {
      const short = flag.names.find((name) => /^-[^-]$/.test(name));
      const long = longOf(flag).map((name) => ` -l ${name.slice(2)}`);
      const value = flag.takesFile ? ' -r -F' : flag.takesValue ? ' -x' : '';
      const where = words.length === 0 ? '' : ` -n '${seen.join('; and ')}'`;
      return `complete -c pvefleet${where}${short ? ` -s ${short.slice(1)}` : ''}${long.join('')}${value} -d '${fishText(flag.text)}'`;
    });
    return [...names, ...flags];
  });
  return `# fish completion of pvefleet; load it with: pvefleet completion fish | source
complete -c pvefleet -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
complete -c pvefleet -s o -l output -x -a '${outputFormats}'
${lines.join('\n')}
`;
}

const shells: Readonly<Record<string, (all: readonly Entry[]) => string>> = { bash, zsh, fish };

export async function run({ args, describe }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const shell = args[0] as string;
  const write = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
  if (!write)
    throw new UsageError(`there is no completion for '${shell}'`, { hint: 'take bash, zsh or fish' });
  const script = write(entries(describe(), [], []));
  runtime.output.result({ format: 'pvefleet.completion/1', shell, script }, () => script);
  return 0;
}
