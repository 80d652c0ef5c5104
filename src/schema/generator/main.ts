/**
 * `npm run generate [-- --check] [--source FILE]`: official `apidata.js` → src/schema/generated.
 * With `--check` nothing is written; the command fails when a file would change or NOTICE names another source. Without
 * the source (users do not have it) a check says so and succeeds.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Operation, SchemaSource } from '../types.ts';
import { emitFormats } from './emit-formats.ts';
import { emitTypes } from './emit-types.ts';
import { normaliseOperation } from './normalise.ts';
import { readApidata } from './read-apidata.ts';

const root = new URL('../../../', import.meta.url);
const generated = new URL('src/schema/generated/', root);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** The release that the official file describes; the file itself does not say. */
const release = '9.2.11';

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sortKeys(v)]),
  );
}

function emitSchema(source: SchemaSource, operations: readonly Operation[]): string {
  const lines = operations.map(
    (op) => `${JSON.stringify(`${op.method} ${op.path}`)}:${JSON.stringify(sortKeys(op))}`,
  );
  return `{"source":${JSON.stringify(source)},"operations":{\n${lines.join(',\n')}\n}}\n`;
}

function build(text: string): Record<string, string> {
  const order = (op: Operation): string => `${op.path} ${op.method}`;
  const operations = readApidata(text)
    .map(normaliseOperation)
    .sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const source: SchemaSource = {
    product: 'Proxmox VE',
    version: release,
    file: 'apidata.js',
    sha256: createHash('sha256').update(text).digest('hex'),
    paths: new Set(operations.map((op) => op.path)).size,
    operations: operations.length,
  };
  const create = operations.find((op) => op.method === 'POST' && op.path === '/nodes/{node}/lxc');
  if (!create) throw new Error('the schema has no POST /nodes/{node}/lxc');
  const note = `${source.file} of ${source.product} ${source.version}`;
  return {
    'schema.json': emitSchema(source, operations),
    'meta.json': `${JSON.stringify(source, null, 2)}\n`,
    'api.gen.ts': emitTypes(operations, note),
    'formats.gen.ts': emitFormats(create, note),
  };
}

function main(args: readonly string[]): number {
  const check = args.includes('--check');
  const at = args.indexOf('--source');
  const file = at >= 0 ? args[at + 1] : fileURLToPath(new URL('../shared/data/apidata.js', root));
  if (!file || !existsSync(file)) {
    if (check) {
      say('generated files: check skipped: no ../shared');
      return 0;
    }
    say(
      `cannot read ${file ?? 'the source'}: give the path with --source (on a Proxmox VE host: /usr/share/pve-docs/api-viewer/apidata.js)`,
    );
    return 2;
  }
  const files = build(readFileSync(file, 'utf8'));
  const stale = Object.entries(files).filter(([name, text]) => {
    const url = new URL(name, generated);
    return !existsSync(url) || readFileSync(url, 'utf8') !== text;
  });
  if (check) {
    const { sha256, version } = JSON.parse(files['meta.json'] as string) as SchemaSource;
    const notice = readFileSync(new URL('NOTICE', root), 'utf8');
    const wrong = notice.includes(sha256) && notice.includes(version) ? [] : ['NOTICE'];
    const names = [...stale.map(([name]) => `src/schema/generated/${name}`), ...wrong];
    say(names.length === 0 ? 'generated files: fresh' : `stale: ${names.join(', ')} (run npm run generate)`);
    return names.length === 0 ? 0 : 1;
  }
  for (const [name, text] of stale) writeFileSync(new URL(name, generated), text);
  say(stale.length === 0 ? 'nothing changed' : `wrote ${stale.map(([name]) => name).join(', ')}`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
