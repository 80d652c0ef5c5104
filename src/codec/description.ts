/** The ownership line in a container's description: an HTML comment, invisible in the web interface. */

/** What the ownership line says. */
export interface Ownership {
  readonly fleet: string;
  readonly key: string;
  /** Digest of the desired state that was last applied; hex. */
  readonly specDigest: string;
  /** Node of the file when the container was last put in order; tells a move in the file from one made by somebody. */
  readonly node?: string;
}

const line = /^<!-- pvefleet fleet=(\S+) key=(\S+) spec=sha256:([0-9a-f]+)(?: node=(\S+))? -->$/;

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

/**
 * Takes the ownership line out of a description.
 *
 * @param text - description as the server has it.
 * @returns the remaining text without blanks at its end, and the ownership if there is a line; of several the last counts.
 */
export function splitDescription(text: string): { text: string; ownership?: Ownership } {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const matches = lines.map((candidate) => line.exec(candidate.trim()));
  const rest = lines
    .filter((_, index) => !matches[index])
    .join('\n')
    .trimEnd();
  const found = matches.findLast((match) => match !== null);
  if (!found) return { text: rest };
  const [, fleet = '', key = '', specDigest = '', node] = found;
  const place = node === undefined ? {} : { node: percentDecode(node) };
  return {
    text: rest,
    ownership: { fleet: percentDecode(fleet), key: percentDecode(key), specDigest, ...place },
  };
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
  const { fleet, key, specDigest, node } = ownership;
  const place = node === undefined ? '' : ` node=${encodeURIComponent(node)}`;
  const marker = `<!-- pvefleet fleet=${encodeURIComponent(fleet)} key=${encodeURIComponent(key)} spec=sha256:${specDigest}${place} -->`;
  return rest === '' ? marker : `${rest}\n${marker}`;
}
