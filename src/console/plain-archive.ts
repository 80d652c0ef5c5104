/**
 * Files out of a container that has no tar: a script that writes each as a line of facts, its name and its content, and
 * the reader that turns that into a tar stream for unpack.ts. Text and bytes only.
 */
import { Header, Pax } from 'tar';
import { TransferError } from './errors.ts';

/**
 * The script; its arguments are folder and name. For each entry: `TYPE MODE MTIME SIZE`, newline, name, NUL, link target,
 * NUL, content, newline.
 */
export const listScript: string = `cd "$1" || exit 1
w() {
  if [ -L "$1" ]; then t=l
  elif [ -d "$1" ]; then t=d
  elif [ -f "$1" ]; then t=f
  else t=s; fi
  m=$(stat -c '%a %Y' "$1" 2>/dev/null) || case $t in d) m='755 0';; *) m='644 0';; esac
  s=0; k=
  if [ $t = f ]; then [ -r "$1" ] || { echo "$1: cannot be read" >&2; exit 1; }; set -- "$1" $(wc -c <"$1"); s=$2; fi
  if [ $t = l ]; then k=$(readlink "$1"; echo .); k=\${k%??}; fi
  printf '%s %s %s\\n%s\\0%s\\0' $t "$m" $s "$1" "$k"
  if [ $t = f ]; then cat "$1" || exit 1; fi
  echo
  if [ $t = d ]; then
    for y in "$1"/* "$1"/.[!.]* "$1"/..?*; do if [ -e "$y" ] || [ -L "$y" ]; then w "$y"; fi; done
  fi
}
w "$2"`;

const blockSize = 512;
const types: Readonly<Record<string, 'File' | 'Directory' | 'SymbolicLink'>> = {
  f: 'File',
  d: 'Directory',
  l: 'SymbolicLink',
};

function damaged(): TransferError {
  return new TransferError('the files changed while they were read', { hint: 'try again' });
}

/** What the reader waits for: the facts of the next entry, or the rest of a content. */
interface State {
  kept: Buffer;
  /** Bytes of content still to come; undefined: facts are next. */
  left: number | undefined;
  padding: number;
}

/**
 * Builds the reader.
 *
 * @param onSkip - told about what is neither file nor folder nor link.
 * @returns `push` gives the part of a tar stream that the bytes make; `end` the end of it. Both throw
 *   {@link TransferError} when sizes do not fit.
 */
export function createPlainReader(onSkip: (path: string) => void): {
  push(bytes: Uint8Array): Buffer[];
  end(): Buffer;
} {
  const state: State = { kept: Buffer.alloc(0), left: undefined, padding: 0 };

  const header = (facts: string, path: string, linkpath: string): Buffer[] => {
    const [type = '', mode = '', mtime = '', size = ''] = facts.split(' ');
    const kind = types[type];
    state.left = Number(size);
    state.padding = (blockSize - (state.left % blockSize)) % blockSize;
    if (!Number.isSafeInteger(state.left) || path === '') throw damaged();
    if (kind === undefined) {
      onSkip(path);
      return [];
    }
    const data = {
      path: kind === 'Directory' ? `${path}/` : path,
      mode: Number.parseInt(mode, 8),
      mtime: new Date(Number(mtime) * 1000),
      size: state.left,
      type: kind,
      ...(kind === 'SymbolicLink' ? { linkpath } : {}),
    };
    const block = new Header(data);
    const bytes = Buffer.alloc(blockSize);
    const needsPax = block.encode(bytes);
    return needsPax ? [new Pax(data).encode(), bytes] : [bytes];
  };
  /** Takes the facts of an entry from what is kept, when all of them are there. */
  const next = (): Buffer[] | undefined => {
    const { kept } = state;
    const line = kept.indexOf(0x0a);
    const name = line < 0 ? -1 : kept.indexOf(0, line + 1);
    const target = name < 0 ? -1 : kept.indexOf(0, name + 1);
    if (target < 0) return undefined;
    state.kept = kept.subarray(target + 1);
    const text = (from: number, to: number): string => kept.toString('utf8', from, to);
    return header(text(0, line), text(line + 1, name), text(name + 1, target));
  };
  /** Takes content, and the newline after it. */
  const content = (): Buffer[] | undefined => {
    const { kept, left = 0 } = state;
    const part = kept.subarray(0, left);
    state.kept = kept.subarray(part.length);
    state.left = left - part.length;
    const parts = part.length > 0 ? [part] : [];
    if (state.left > 0 || state.kept.length === 0) return parts.length > 0 ? parts : undefined;
    if (state.kept[0] !== 0x0a) throw damaged();
    state.kept = state.kept.subarray(1);
    state.left = undefined;
    return [...parts, Buffer.alloc(state.padding)];
  };

  return {
    push(bytes) {
      state.kept = Buffer.concat([state.kept, bytes]);
      const out: Buffer[] = [];
      for (;;) {
        const parts = state.left === undefined ? next() : content();
        if (parts === undefined) return out;
        out.push(...parts);
      }
    },
    end() {
      if (state.left !== undefined || state.kept.length > 0) throw damaged();
      return Buffer.alloc(2 * blockSize);
    },
  };
}
