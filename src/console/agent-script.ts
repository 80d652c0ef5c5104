/**
 * The part of pvefleet that runs inside the container: a loop in POSIX sh, typed into the console's shell, that takes
 * requests from the terminal and answers in frames. Text only; who talks to it is shell-session.ts, how its answers
 * are read is frame-reader.ts.
 *
 * Rules of the text: no bash, no tool beyond what every busybox has, and never the session's token in one piece on the
 * line that is typed first, because the terminal echoes that one.
 */

/** Names of the console's two halves of a token; typed apart, printed in one piece. */
export interface TokenHalves {
  readonly left: string;
  readonly right: string;
}

/** Bytes of a stream that one frame carries. */
export const blockBytes: number = 262_144;
/** Frames of one stream that one answer carries at most. */
const blocksPerAnswer = 8;
/** Seconds without a request after which the agent gives the shell back; at most 25. */
const idleSeconds = 15;

/** Seconds without a request after which the agent makes room for another session that asks for the shell. */
const abandonedSeconds = 8;

/** First word of the line that is typed at a prompt; an agent that reads it answers that it is there. */
const hello = ': pvefleet-hello';

/**
 * The agent: functions, then the loop. `go`, `get` and the others are called as `TOKEN SEQ NAME ARGUMENTS`
 * and end with a semicolon, so that a line cut short by a broken connection is none. Every request can be repeated without harm: a run starts once (mkdir), data is appended at a stated offset only.
 */
const agent = `umask 077
have() { command -v "$1" >/dev/null 2>&1; }
r() { printf '\\n%s=%s\\n' "$N" "$*"; }
K=; for k in sha256sum sha1sum md5sum; do have $k && { K=$k; break; }; done
if have base64; then C=base64; e() { base64; }; d() { sed -n '/^\\.$/q;p' | { base64 -d; cat >/dev/null; }; }
else C=hex; d() { while IFS= read -r y; do [ "$y" = . ] && break; printf '%b' "$y"; done; }
if have od; then e() { od -An -v -tx1; }; else e() { hexdump -v -e '/1 "%02x"'; echo; }; fi; fi
sleep 0.01 2>/dev/null && Z=0.1 || Z=1
if stat -c %s / >/dev/null 2>&1; then size() { stat -c %s "$1" 2>/dev/null || echo 0; }
else size() { if [ -f "$1" ]; then set -- $(wc -c <"$1"); echo "$1"; else echo 0; fi; }; fi
sum() { set -- $($K <"$1"); echo "$1"; }
root() {
  for R in "$B" /run/pvefleet /tmp/pvefleet-$(id -u); do
    [ -n "$R" ] || continue
    mkdir -p -m 700 "$R" 2>/dev/null
    [ -d "$R" ] && [ ! -L "$R" ] && [ -O "$R" ] && [ -w "$R" ] && return
  done
  R=
}
at() { D=$R/$1; read -r S 2>/dev/null <"$D/spool" || S=$D; }
sweep() {
  for g in "$R"/*/x; do
    [ -f "$g" ] && [ -n "$(find "$g" -mtime +0)" ] || continue
    g=\${g%/x}; at "\${g##*/}"; rm -rf "$S" "$D"
  done
  for g in "$V"/pvefleet.*; do [ -d "$g" ] && [ -O "$g" ] && [ ! -d "$R/\${g##*.}" ] && rm -rf "$g"; done
}
f_mk() {
  at "$1"
  [ -f "$D/spool" ] || {
    mkdir -p "$D" || { r "$q" no cannot make "$D"; return; }
    S=$V/pvefleet.$1
    if mkdir "$S" 2>/dev/null || [ -O "$S" ]; then :; else S=$D; fi
    printf '%s\\n' "$S" >"$D/spool." && mv "$D/spool." "$D/spool" || { r "$q" no cannot write to "$D"; return; }
  }
  r "$q" ok "$D" "$S"
}
f_put() {
  at "$1"
  case $2 in +*) P=$S/\${2#+};; *) P=$D/$2;; esac
  if [ ! -f "$D/spool" ]; then d >/dev/null; r "$q" gone; return; fi
  if [ "$4" = gzip ]; then d | gzip -dc >"$D/part" 2>/dev/null; else d >"$D/part"; fi
  n=$(size "$P")
  if [ "$(size "$D/part")" != "$5" ] || [ "$(sum "$D/part")" != "$6" ]; then r "$q" bad "$n"
  elif [ "$n" != "$3" ]; then r "$q" at "$n"
  elif cat "$D/part" >>"$P"; then r "$q" at "$(size "$P")"
  else r "$q" no cannot write to "$P"; fi
  rm -f "$D/part"
}
f_go() {
  at "$1"
  [ -f "$D/run" ] || { r "$q" gone; return; }
  mkdir "$D/go" 2>/dev/null || { r "$q" already; return; }
  if setsid -f true 2>/dev/null; then setsid -f sh "$D/run" </dev/null >/dev/null 2>&1
  else
    set -m 2>/dev/null
    if have setsid; then setsid sh "$D/run" </dev/null >/dev/null 2>&1 &
    else (trap '' TTIN TTOU; exec sh "$D/run") </dev/null >/dev/null 2>&1 & fi
    set +m 2>/dev/null
  fi
  r "$q" started
}
state() {
  if [ ! -d "$D" ]; then echo gone
  elif [ -f "$D/x" ]; then read -r c <"$D/x"; echo "done $c"
  elif [ ! -d "$D/go" ]; then echo new
  elif [ -f "$D/pid" ]; then
    read -r c <"$D/pid"
    if kill -0 "$c" 2>/dev/null; then echo run
    else sleep $Z; if [ -f "$D/x" ]; then state; else echo lost; fi; fi
  else echo run; fi
}
block() {
  dd if="$2" bs=${blockBytes} skip=$(($3/${blockBytes})) count=1 2>/dev/null | tail -c +$(($3%${blockBytes}+1)) >"$D/$1."
  printf '\\n%s<%s\\n' "$N" "$1"
  e <"$D/$1."
  printf '\\n%s>%s %s %s\\n' "$N" "$1" "$(size "$D/$1.")" "$(sum "$D/$1.")"
}
blocks() {
  o=$3; b=0
  while [ "$o" -lt "$4" ] && [ $b -lt ${blocksPerAnswer} ]; do
    block "$1" "$2" "$o"; o=$(((o/${blockBytes}+1)*${blockBytes})); b=$((b+1))
  done
}
f_get() {
  at "$1"; w=0
  while :; do
    s=$(state); n=$(size "$S/o"); m=$(size "$S/e")
    [ "$s" = run ] && [ "$n" -le "$2" ] && [ "$m" -le "$3" ] && [ $w -lt "$4" ] || break
    if [ $Z = 1 ]; then sleep 1; w=$((w+100))
    elif [ $w -lt 12 ]; then sleep 0.03; w=$((w+3))
    elif [ $w -lt 100 ]; then sleep 0.1; w=$((w+10))
    else sleep 0.3; w=$((w+30)); fi
  done
  blocks o "$S/o" "$2" "$n"; blocks e "$S/e" "$3" "$m"
  r "$q" at "$n" "$m" "$s"
}
f_kill() {
  at "$1"
  if [ -f "$D/pid" ] && [ ! -f "$D/x" ]; then read -r c <"$D/pid"; kill "-$2" "-$c" 2>/dev/null; fi
  r "$q" ok
}
f_rm() { at "$1"; [ "$S" = "$D" ] || rm -rf "$S"; rm -rf "$D"; r "$q" ok; }
f_bye() { r "$q" bye; exit 0; }
trap 'r 0 bye; exit 9' HUP INT QUIT TERM
root
[ -d "$V" ] && [ -w "$V" ] || V=/var/tmp
[ -d "$V" ] && [ -w "$V" ] || V=$R
if [ -z "$K" ]; then r 1 no no tool for checksums
elif [ -z "$R" ]; then r 1 no neither /run nor /tmp can be written to
else
  sweep
  A=$(date +%s)
  have gzip && Y=gzip || Y=plain
  r 1 ok $C $K $Y
  while IFS= read -r l; do
    case $l in
      "$N "*' ;') set -f; set -- $l; set +f; q=$2; f=$3; shift 3; f_$f "$@"; A=$(date +%s) ;;
      *'${hello} '"$H"*) r 0 ready ;;
      *'${hello} '*)
        [ $(($(date +%s)-A)) -lt ${abandonedSeconds} ] || { r 0 bye; exit 0; }
        l=\${l#*hello }; printf '\\npvefleet-busy %s %s\\n' "\${l%%;*}" "$N" ;;
      '') A=$(date +%s) ;;
      *) printf '\\npvefleet is using this console; Ctrl-C takes it over\\n'; r 0 foreign ;;
    esac
  done
fi`;

/** Where the agent keeps its runs; empty: its own choice. */
export interface AgentPlaces {
  /** Folder of the runs; default /run/pvefleet, else /tmp/pvefleet-UID. */
  readonly runs?: string;
  /** Folder for what may be large; default /var/tmp. */
  readonly spool?: string;
}

/**
 * Gives the agent's text for one session.
 *
 * @param token - both halves.
 * @param places - where it may write.
 * @returns lines of POSIX sh in ASCII, none of which is a single dot.
 */
export function agentText(token: TokenHalves, places: AgentPlaces = {}): string {
  const { left, right } = token;
  const setting = (name: string, value: string): string => `${name}='${value.replaceAll("'", '')}'`;
  return [
    setting('N', left + right),
    setting('H', `${left}.${right}`),
    setting('B', places.runs ?? ''),
    setting('V', places.spool ?? ''),
    agent,
  ].join('\n');
}

/**
 * Gives the line that is typed at the prompt. It switches the echo off, says that it is there, takes the agent's text up
 * to a line with a dot, and makes the terminal what it was when it ends, whatever ends it. It starts with Ctrl-U, because
 * somebody may have left a half-typed line, and with a blank, which keeps it out of most histories.
 *
 * @param token - both halves.
 * @param text - what will be sent afterwards.
 * @returns one line with its newline, below 1000 characters.
 */
export function bootstrapLine(token: TokenHalves, text: string): string {
  const { left, right } = token;
  // PVE: the shared session keeps the settings of who was there before; an echo that is off would be restored as off.
  const script = [
    't=$(stty -g)||exit 8',
    'case "$(stty -a) " in *-echo[!a-z]*|*-icanon*)t=sane;;esac',
    'trap "stty $t" 0',
    'trap "exit 9" HUP INT QUIT TERM',
    'trap "" TSTP',
    `stty -echo -echonl -icanon -ixon min 0 time ${idleSeconds * 10}`,
    `printf "\\n%s%s=0 ready\\n" ${left} ${right}`,
    'x=$(sed -n "/^\\.\\$/q;p")',
    `if [ \${#x} = ${text.length} ];then eval "$x";else printf "\\n%s%s=0 bad\\n" ${left} ${right};fi`,
  ].join(';');
  return `\u0015 ${hello} ${left}.${right};sh -c '${script}'||stty sane\n`;
}
