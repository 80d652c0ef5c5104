/** Reads XML strictly enough to notice what a CI server would choke on: unbalanced tags, raw `<` and `&`, control characters. */

/** An element. */
export interface Xml {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Xml[];
  text: string;
}

const plain = (text: string): string => {
  if (/&(?!(?:amp|lt|gt|quot|#\d+);)|[<>]/.test(text)) throw new Error(`not escaped: ${text}`);
  return text
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
};

/**
 * Parses a document.
 *
 * @param source - XML without comments and CDATA.
 * @returns the root element.
 * @throws Error when it is not well-formed.
 */
export function parseXml(source: string): Xml {
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(source)) throw new Error('a control character');
  const body = source.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  if (body === source) throw new Error('no declaration');
  const root: Xml = { tag: '', attributes: {}, children: [], text: '' };
  const open: Xml[] = [root];
  let at = 0;
  for (const match of body.matchAll(/<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g)) {
    const [whole, closing, tag = '', attributes = '', empty] = match;
    const top = open.at(-1) as Xml;
    top.text += plain(body.slice(at, match.index));
    at = match.index + whole.length;
    if (closing) {
      if (open.pop()?.tag !== tag) throw new Error(`</${tag}> closes something else`);
      continue;
    }
    const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, name, value]) => [
      name as string,
      plain(value as string),
    ]);
    const element: Xml = { tag, attributes: Object.fromEntries(pairs), children: [], text: '' };
    top.children.push(element);
    if (!empty) open.push(element);
  }
  if (open.length !== 1 || plain(body.slice(at)).trim() !== '') throw new Error('something is left open');
  return root.children[0] as Xml;
}
