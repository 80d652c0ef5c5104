/**
 * YAML text → tree with places. Reports what is wrong with the YAML itself: syntax, duplicate keys, keys that are no
 * text, aliases that would grow without bound. Plain aliases are followed; merge keys (`<<`) are not part of YAML 1.2.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, type YAMLMap } from 'yaml';
import type { Findings, Problem } from './findings.ts';
import {
  createSource,
  type MapEntry,
  mapTree,
  type Place,
  rangeOf,
  type Source,
  sizeOf,
  type Tree,
} from './tree.ts';

const maxLength = 16 * 1024 ** 2;
/** Values that a file may have once its aliases are followed. */
const maxValues = 500_000;
const maxDepth = 64;

const hints: readonly [pattern: RegExp, hint: string][] = [
  [
    /flow (?:map|sequence|collection)|Flow |unexpected .*(?:flow-map|flow-seq)/i,
    `text that contains { } [ ] or , must be quoted inside { … } and [ … ]: '10.0.0.{n}/24', '\${env:NAME}'`,
  ],
  [
    /Nested mappings are not allowed|Implicit keys need to be|Implicit map keys/,
    'is there a missing line break, or text with a colon that needs quotes?',
  ],
  [/[Tt]abs? /, 'indent with blanks'],
  [/All (?:mapping|collection) items must start|bad indentation/i, 'align the keys of a map at one column'],
  [/Missing closing .*quote/, 'close the quotes'],
];

const tooDeep: Problem = { code: 'SPEC_LIMIT', message: 'the file is nested too deeply' };
const tooMany: Problem = {
  code: 'SPEC_LIMIT',
  message: 'the file has too many values',
  hint: 'look for aliases that contain aliases',
};

interface Reader {
  readonly source: Source;
  readonly findings: Findings;
  readonly anchors: Map<string, Tree | 'open'>;
  size: number;
  full: boolean;
}

const placeOf = (source: Source, start: number, end: number): Place => ({
  source,
  start: Math.min(start, source.text.length),
  end: Math.min(Math.max(end, start), source.text.length),
});

function nodePlace(source: Source, node: Node | null | undefined, fallback: Place): Place {
  const range = node?.range;
  if (!range) return fallback;
  // The value of a block collection ends behind its last line break; that line is not part of it.
  const end = range[0] + source.text.slice(range[0], range[1]).trimEnd().length;
  return placeOf(source, range[0], end);
}

function readMap(reader: Reader, node: YAMLMap, place: Place, depth: number): Tree {
  const entries = new Map<string, MapEntry>();
  for (const pair of node.items) {
    const keyNode = pair.key as Node | null;
    const key = nodePlace(reader.source, keyNode, place);
    if (!isScalar(keyNode) || (keyNode.value === null && !keyNode.source)) {
      reader.findings.report({ code: 'SPEC_YAML', message: 'a key must be plain text' }, key);
      continue;
    }
    const name = keyNode.source ?? String(keyNode.value);
    const value = readNode(
      reader,
      pair.value as Node | null,
      placeOf(reader.source, key.end, key.end),
      depth,
    );
    const first = entries.get(name);
    if (first)
      reader.findings.report(
        { code: 'SPEC_DUPLICATE_KEY', message: `the key '${name}' stands here twice` },
        key,
        { message: 'first here', place: first.key },
      );
    else entries.set(name, { key, value });
  }
  return mapTree(entries, place);
}

function readAlias(reader: Reader, name: string, place: Place): Tree {
  const anchor = reader.anchors.get(name);
  if (anchor !== undefined && anchor !== 'open') {
    reader.size += sizeOf(anchor);
    return anchor;
  }
  const message =
    anchor === 'open'
      ? `the alias *${name} stands inside its own anchor`
      : `there is no anchor &${name} above`;
  reader.findings.report({ code: 'SPEC_YAML', message }, place);
  return { kind: 'invalid', place };
}

function readNode(reader: Reader, node: Node | null | undefined, fallback: Place, depth: number): Tree {
  const place = nodePlace(reader.source, node, fallback);
  reader.size += 1;
  if (depth > maxDepth || reader.size > maxValues) {
    if (!reader.full) reader.findings.report(depth > maxDepth ? tooDeep : tooMany, place);
    reader.full = true;
    return { kind: 'invalid', place };
  }
  if (!node) return { kind: 'scalar', value: null, text: '', place };
  if (isAlias(node)) return readAlias(reader, node.source, place);
  const anchor = 'anchor' in node ? node.anchor : undefined;
  if (anchor) reader.anchors.set(anchor, 'open');
  const tree = readValue(reader, node, place, depth);
  if (anchor) reader.anchors.set(anchor, tree);
  return tree;
}

function readValue(reader: Reader, node: Node, place: Place, depth: number): Tree {
  if (isMap(node)) return readMap(reader, node, place, depth + 1);
  if (isSeq(node)) {
    const items = node.items.map((item) => readNode(reader, item as Node | null, place, depth + 1));
    return { kind: 'list', items, place, size: items.reduce((sum, item) => sum + sizeOf(item), 1) };
  }
  if (isScalar(node)) {
    const { value } = node;
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      const scalar = value as string | number | boolean | null;
      return { kind: 'scalar', value: scalar, text: node.source ?? String(value), place };
    }
  }
  reader.findings.report({ code: 'SPEC_YAML', message: 'this kind of YAML value is not supported' }, place);
  return { kind: 'invalid', place };
}

/** The YAML parser descends recursively and would exhaust the stack; this looks at the text alone. */
function nestsTooDeeply(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '[' || char === '{') depth += 1;
    else if ((char === ']' || char === '}') && depth > 0) depth -= 1;
    if (depth > 500) return true;
  }
  return /^ {500}|(?:[-?] ){200}/m.test(text);
}

/**
 * Parses a YAML file that holds one map.
 *
 * @param file - name for messages.
 * @param text - content.
 * @param findings - gets everything that is wrong with the YAML.
 * @returns the tree, or `undefined` when the text cannot be understood at all; reported then.
 */
export function parseYaml(file: string, text: string, findings: Findings): Tree | undefined {
  const source = createSource(file, text);
  const start = placeOf(source, 0, 0);
  if (text.length > maxLength) {
    findings.report({ code: 'SPEC_LIMIT', message: 'the file is larger than 16 MiB' }, start);
    return undefined;
  }
  if (nestsTooDeeply(text)) {
    findings.report(tooDeep, start);
    return undefined;
  }
  const document = parseDocument(text, {
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
    logLevel: 'error',
  });
  const lines = new Set<number>();
  for (const problem of [...document.errors, ...document.warnings]) {
    const place = placeOf(source, ...problem.pos);
    // What follows on the same line is a consequence of the first mistake.
    if (lines.has(rangeOf(place).line)) continue;
    lines.add(rangeOf(place).line);
    const message =
      problem.code === 'MULTIPLE_DOCS'
        ? 'the file holds more than one document'
        : // Without what the parser quotes: it may be part of a secret.
          (problem.message.split('\n')[0] as string).replace(/ in YAML stream: ".*$/, '');
    const hint = hints.find(([pattern]) => pattern.test(message))?.[1];
    findings.report({ code: 'SPEC_YAML', message, hint }, place);
  }
  if (document.errors.length > 0) return undefined;
  if (document.directives.yaml.version !== '1.2') {
    findings.report({ code: 'SPEC_YAML', message: 'only YAML 1.2 is understood' }, start);
    return undefined;
  }
  const reader: Reader = { source, findings, anchors: new Map(), size: 0, full: false };
  return readNode(reader, document.contents, start, 0);
}
