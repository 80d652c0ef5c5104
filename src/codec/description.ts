/** The ownership line in a container's description: an HTML comment, invisible in the web interface. */

/** What the ownership line says. */
export interface Ownership {
  readonly fleet: string;
  readonly key: string;
  /** Digest of the desired state that was last applied; hex. */
  readonly specDigest: string;
  /** Node of the file when the container was last put in order; tells a move in the file from one made by somebody. */
  readonly node?: string;
  /** `none`: the account that wrote the line may not give the ownership tag, so the line alone tells who owns it. */
  readonly tag?: string;
  /** Login of the student whose container it is. */
  readonly student?: string;
  /** Group of that student, as the roster writes it. */
  readonly group?: string;
  /** When it was last set back to its baseline; ISO 8601 in UTC. A record, no wish: whoever writes the line keeps it. */
  readonly reset?: string;
  /** Limits to go back to, and when: `memory:512,swap:0@2026-11-23T16:00:00Z`. A record, as `reset` is. */
  readonly boost?: string;
}

const line = /^<!-- pvefleet((?: [a-z]+=\S+)+) -->$/;
/** Attributes that a line may have besides fleet, key and spec, in the order in which they are written. */
const optional = ['node', 'tag', 'student', 'group', 'reset', 'boost'] as const;

/** Undoes percent-encoding; text that is none stays as it is. */
function percentDecode(text: string): string {
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = run
      .slice(1)
      .split('%')
      .map((hex) => Number.parseInt(hex, 16));
    return new TextDecoder().decode(Uint8Array.from(bytes));
  });
}

/** Attributes may come in any order; those of later versions do no harm. */
function readLine(text: string): Ownership | undefined {
  const [, written] = line.exec(text.trim()) ?? [];
  if (written === undefined) return undefined;
  const attributes = new Map(
    written
      .trim()
      .split(' ')
      .map((one) => {
        const at = one.indexOf('=');
        return [one.slice(0, at), percentDecode(one.slice(at + 1))] as const;
      }),
  );
  const [fleet, key, spec] = ['fleet', 'key', 'spec'].map((name) => attributes.get(name));
  const [, specDigest] = /^sha256:([0-9a-f]+)$/.exec(spec ?? '') ?? [];
  if (fleet === undefined || key === undefined || specDigest === undefined) return undefined;
  const more = optional.map((name) => [name, attributes.get(name)] as const);
  return {
    fleet,
    key,
    specDigest,
    ...Object.fromEntries(more.filter(([, value]) => value !== undefined)),
  };
}

/**
 * Takes the ownership line out of a description.
 *
 * @param text - description as the server has it.
 * @returns the remaining text without blanks at its end, and the ownership if there is a line; of several the last counts.
 */
export function splitDescription(text: string): { text: string; ownership?: Ownership } {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const owners = lines.map(readLine);
  const rest = lines
    .filter((_, index) => !owners[index])
    .join('\n')
    .trimEnd();
  const ownership = owners.findLast((owner) => owner !== undefined);
  return ownership ? { text: rest, ownership } : { text: rest };
}

/**
 * Adds the ownership line to a description, as its last line.
 *
 * @param text - description; an ownership line in it is replaced.
 * @param ownership - what the line is to say.
 * @returns the description as it is sent.
 */
export function joinDescription(text: string, ownership: Ownership): string {
  const rest = splitDescription(text).text;
  const { fleet, key, specDigest } = ownership;
  const attributes = [
    `fleet=${encodeURIComponent(fleet)}`,
    `key=${encodeURIComponent(key)}`,
    `spec=sha256:${specDigest}`,
    ...optional.flatMap((name) => {
      const value = ownership[name];
      return value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`];
    }),
  ];
  const marker = `<!-- pvefleet ${attributes.join(' ')} -->`;
  return rest === '' ? marker : `${rest}\n${marker}`;
}
