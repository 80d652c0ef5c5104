/**
 * What provisioning and readiness checks run inside a container, in POSIX sh. Text only, no names of ours beyond the folder
 * of the markers; who runs it is in the engine.
 *
 * Rules of the texts: no bash, no tool beyond what every busybox has; values come as arguments, never inside the text.
 */

/** Where a container remembers the steps that were run. On its root disk, so that a rollback forgets and a copy remembers. */
export const markerFolder = '/var/lib/pvefleet/provision';

/** Asks whether a step was run: 0 yes, 1 no. Arguments: folder, digest. */
export const checkScript = '[ -f "$1/$2" ]';

/**
 * Runs a step once. Arguments: folder, digest of the step, digests of all steps of the file, `env` or `data`, script of the
 * step, its arguments. Input: with `env` assignments that are exported to the script, with `data` the script's own input.
 *
 * A step that an earlier run left behind running is waited for; the run leaves its marker itself, so that it counts even
 * when nobody is there any more to see its end. Markers of steps that the file no longer has are removed: going back to an
 * older step is a change like any other.
 */
export const stepScript = `folder=$1 digest=$2 all=" $3 " input=$4 body=$5
shift 5
if [ "$input" = env ]; then eval "$(cat)"; exec </dev/null; fi
began() {
  { IFS= read -r began <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -f; set -- \${began##*) }; set +f
  echo "\${20}"
}
own() { (set -C; echo "$$ $(began $$)" >"$folder/$digest.run") 2>/dev/null; }
mkdir -p "$folder" && [ -w "$folder" ] || { echo "pvefleet: cannot write to $folder" >&2; exit 126; }
told=
until own; do
  pid= since=
  { read -r pid since <"$folder/$digest.run"; } 2>/dev/null
  if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ "$(began "$pid")" = "$since" ]; then
    [ -n "$told" ] || echo "pvefleet: waiting for the end of an earlier run of this step (process $pid)" >&2
    told=1
    sleep 1
  else
    rm -f "$folder/$digest.run"
  fi
done
if [ -f "$folder/$digest" ]; then rm -f "$folder/$digest.run"; exit 0; fi
for file in "$folder"/*; do
  name=\${file##*/}
  case $all in *" \${name%%.*} "*) ;; *) rm -f "$file" ;; esac
done
count=0
while [ $count -lt 90 ]; do
  if [ -d /run/systemd/system ]; then
    case $(systemctl is-system-running 2>/dev/null) in initializing|starting) ;; *) break ;; esac
  elif [ ! -d /run/openrc/rc.starting ]; then break; fi
  sleep 1
  count=$((count+1))
done
newline='
'
case $body in
  '#!'*)
    file=$(mktemp /tmp/pvefleet.XXXXXX) || exit 126
    printf '%s\\n' "$body" >"$file"
    line=\${body%%"$newline"*}
    (set -f; exec \${line#??} "$file" "$@")
    code=$?
    rm -f "$file" ;;
  *)
    sh -e -c "$body" sh "$@"
    code=$? ;;
esac
if [ $code = 0 ]; then
  date >"$folder/$digest.new" && mv -f "$folder/$digest.new" "$folder/$digest" || code=126
fi
rm -f "$folder/$digest.run"
exit $code`;

/** Installs packages; arguments: their names. Lists are renewed when there are none, or when it does not work with them. */
export const packagesScript = `if command -v apt-get >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  o='-q -o DPkg::Lock::Timeout=300'
  install() { apt-get -y $o -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@"; }
  renew() { apt-get $o update; }
  stale() { ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; }
elif command -v apk >/dev/null 2>&1; then
  install() { apk add "$@"; }
  renew() { apk update; }
elif command -v dnf >/dev/null 2>&1; then
  install() { dnf -y install "$@"; }
  renew() { dnf -y makecache; }
elif command -v microdnf >/dev/null 2>&1; then
  install() { microdnf -y install "$@"; }
  renew() { microdnf -y makecache; }
elif command -v zypper >/dev/null 2>&1; then
  install() { zypper --non-interactive install "$@"; }
  renew() { zypper --non-interactive refresh; }
elif command -v pacman >/dev/null 2>&1; then
  install() { pacman -S --noconfirm --needed "$@"; }
  renew() { pacman -Sy --noconfirm; }
else
  echo 'pvefleet: neither apt-get nor apk, dnf, zypper or pacman is there' >&2
  exit 127
fi
command -v stale >/dev/null 2>&1 || stale() { false; }
route() {
  [ -r /proc/net/route ] || return 0
  while read -r interface to rest; do [ "$to" = 00000000 ] && return 0; done </proc/net/route
  return 1
}
refresh() {
  count=0
  while [ $count -lt 30 ] && ! route; do sleep 1; count=$((count+1)); done
  renew || { sleep 5; renew; }
}
if stale; then refresh; install "$@"
else install "$@" || { refresh; install "$@"; }; fi`;

/** Starts, stops, enables a service. Arguments: name, `running`, `stopped` or nothing, `enabled`, `disabled` or nothing. */
export const serviceScript = `if [ -d /run/systemd/system ] || ! command -v rc-service >/dev/null 2>&1; then
  command -v systemctl >/dev/null 2>&1 || { echo 'pvefleet: neither systemd nor OpenRC is there' >&2; exit 127; }
  case $3 in enabled) systemctl enable "$1" ;; disabled) systemctl disable "$1" ;; esac
  case $2 in running) systemctl start "$1" ;; stopped) systemctl stop "$1" ;; esac
else
  case $3 in enabled) rc-update add "$1" default ;; disabled) rc-update del "$1" default || true ;; esac
  case $2 in
    running) rc-service "$1" status >/dev/null 2>&1 || rc-service "$1" start ;;
    stopped) rc-service "$1" stop ;;
  esac
fi`;

/**
 * Puts files in their places. Arguments: where to, owner or nothing. Input: entries of two lines and what belongs to them:
 * `d MODE` and the path of a folder; `f MODE SIZE`, the path of a file, then its bytes; `l` and the path of a link, then a line
 * with its target. Paths are below the first argument; an empty one is that itself. Folders that are there stay as they are.
 */
export const placeScript = `to=$1 owner=$2
take() {
  blocks=$(($1/65536)) rest=$(($1%65536))
  [ $blocks = 0 ] || dd bs=65536 count=$blocks 2>/dev/null
  [ $rest = 0 ] || dd bs=$rest count=1 2>/dev/null
}
give() { [ -z "$owner" ] || chown -h "$owner" "$1"; }
mkdir -p "\${to%/*}/"
while read -r kind mode size; do
  IFS= read -r path
  place=$to\${path:+/$path}
  case $kind in
    d) [ -d "$place" ] || { mkdir "$place"; chmod "$mode" "$place"; give "$place"; } ;;
    l)
      IFS= read -r target
      [ -L "$place" ] || [ ! -d "$place" ] || { echo "pvefleet: $place is a folder, not a link" >&2; exit 1; }
      rm -f "$place"
      ln -s "$target" "$place"
      give "$place" ;;
    f)
      [ ! -d "$place" ] || { echo "pvefleet: $place is a folder, not a file" >&2; exit 1; }
      (umask 077; take "$size" >"$place.pvefleet~")
      set -- $(wc -c <"$place.pvefleet~")
      [ "$1" = "$size" ] || { echo "pvefleet: $place did not arrive whole" >&2; exit 1; }
      chmod "$mode" "$place.pvefleet~"
      give "$place.pvefleet~"
      mv -f "$place.pvefleet~" "$place" ;;
  esac
done`;

/** Whether somebody listens on a TCP port; argument: the port. */
export const portScript = `wanted=$(printf ':%04X' "$1")
if [ -r /proc/net/tcp ]; then
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r number local remote state rest; do
      case $local/$state in *"$wanted"/0A) exit 0 ;; esac
    done <"$table"
  done
  exit 1
fi
{ ss -ltn 2>/dev/null || netstat -ltn; } | grep -q ":$1[^0-9]"`;

/** Whether something is there; argument: its path. */
export const fileScript = '[ -e "$1" ]';
