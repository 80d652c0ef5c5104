/** The ownership line in a container's description: an HTML comment, invisible in the web interface. */

/**
 * What was done to a container for a time, or last: records, no wishes. Whoever writes the line keeps them. A container that
 * no fleet owns has them in a line of their own.
 */
export interface Records {
  /** When it was last set back to its baseline; ISO 8601 in UTC. */
  readonly reset?: string;
  /** Limits to go back to, and when: `memory:512,swap:0@2026-11-23T16:00:00Z`. */
  readonly boost?: string;
  /** What was before it was frozen, and when that was: `power:running,protection:0@2026-11-23T16:00:00Z`. */
  readonly frozen?: string;
  /** When it was last unfrozen; ISO 8601 in UTC. */
  readonly unfrozen?: string;
  /** What was told of its end, where tags may not say it: `expires-2027-01-31`, `expired-2027-01-31`. */
  readonly told?: string;
  /** Steps that were run inside it, by the digest of each in the order of the file: `ab12cd34.-.ef56ab78`. */
  readonly provision?: string;
}

/** What the ownership line says. */
export interface Ownership extends Records {
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
  /** Last day of the container, as the file has it: `2027-01-31`. */
  readonly expires?: string;
}

const line = /^<!-- pvefleet((?: [a-z]+=\S+)+) -->$/;
/** Names of the records. */
export const recordNames: readonly (keyof Records)[] = [
  'reset',
  'boost',
  'frozen',
  'unfrozen',
  'told',
  'provision',
];
/** Attributes that a line may have besides fleet, key and spec, in the order in which they are written. */
const optional: readonly Exclude<keyof Ownership, 'fleet' | 'key' | 'specDigest'>[] = [
  'node',
  'tag',
  'student',
  'group',
  'expires',
  ...recordNames,
];

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

/** Attributes may come in any order; those of later versions do no harm. A line without an owner has records only. */
function readLine(text: string): { ownership?: Ownership; records?: Records } | undefined {
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
  const present = (names: readonly (keyof Ownership)[]): Partial<Ownership> =>
    Object.fromEntries(
      names.flatMap((name) => (attributes.has(name) ? [[name, attributes.get(name)]] : [])),
    ) as Partial<Ownership>;
  if (fleet === undefined && key === undefined && spec === undefined) {
    const records: Records = present(recordNames);
    return Object.keys(records).length === 0 ? undefined : { records };
  }
  const [, specDigest] = /^sha256:([0-9a-f]+)$/.exec(spec ?? '') ?? [];
  if (fleet === undefined || key === undefined || specDigest === undefined) return undefined;
  return { ownership: { fleet, key, specDigest, ...present(optional) } };
}

/**
 * Takes our lines out of a description.
 *
 * @param text - description as the server has it.
 * @returns the remaining text without blanks at its end, the ownership if there is a line (of several the last counts), and
 *   the records of a container that no fleet owns.
 */
export function splitDescription(text: string): { text: string; ownership?: Ownership; records?: Records } {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const found = lines.map(readLine);
  const rest = lines
    .filter((_, index) => !found[index])
    .join('\n')
    .trimEnd();
  const ownership = found.findLast((one) => one?.ownership)?.ownership;
  const records = found.findLast((one) => one?.records)?.records;
  return { text: rest, ...(ownership ? { ownership } : {}), ...(records ? { records } : {}) };
}

/** Appends one of our lines to a text. */
function withLine(text: string, attributes: readonly string[]): string {
  const marker = `<!-- pvefleet ${attributes.join(' ')} -->`;
  return text === '' ? marker : `${text}\n${marker}`;
}

const written = (values: Partial<Ownership>, names: readonly (keyof Ownership)[]): string[] =>
  names.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`];
  });

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
    ...written(ownership, optional),
  ];
  return withLine(rest, attributes);
}

/**
 * Writes the records of a container: into its ownership line, else into a line of their own.
 *
 * @param text - description as the server has it.
 * @param records - all records that it is to have; those that are absent are taken out.
 * @returns the description as it is sent; empty when nothing is left.
 */
export function joinRecords(text: string, records: Records): string {
  const { text: rest, ownership } = splitDescription(text);
  if (!ownership) {
    const attributes = written(records, recordNames);
    return attributes.length === 0 ? rest : withLine(rest, attributes);
  }
  const line: Partial<Record<keyof Ownership, string>> = { ...ownership };
  for (const name of recordNames) delete line[name];
  return joinDescription(rest, { ...(line as Ownership), ...records });
}
