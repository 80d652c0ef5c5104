/** The format of `templates.lock`: JSON with sorted keys, made to be committed beside the fleet file. Pure. */
import type { LockedTemplate, TemplateLock } from '../domain/template-source.ts';
import { canonicalJson } from '../util/canonical-json.ts';
import { type Diagnostic, hasErrors } from '../util/diagnostic.ts';
import { createFindings, type Findings } from './findings.ts';
import { parseYaml } from './parse.ts';
import { type MapEntry, mapMember, member, type Tree } from './tree.ts';

const format = 'pvefleet.templates-lock/1';
const writeAnew = 'take it from your version control, or delete it and run: pvefleet template lock -f FILE';

const textOf = (tree: Tree | undefined): string | undefined =>
  tree?.kind === 'scalar' && typeof tree.value === 'string' ? tree.value : undefined;

function readEntry(name: string, { key, value }: MapEntry, findings: Findings): LockedTemplate | undefined {
  const [file, source, sha512] = ['file', 'source', 'sha512'].map((member_) =>
    textOf(member(value, member_)),
  );
  const isSum = sha512 === undefined ? member(value, 'sha512') === undefined : /^[0-9a-f]{128}$/.test(sha512);
  if (file !== undefined && source !== undefined && isSum)
    return { file, ...(sha512 === undefined ? {} : { sha512 }), source };
  findings.report({ code: 'LOCK_INVALID', message: `the entry '${name}' is damaged`, hint: writeAnew }, key);
  return undefined;
}

/**
 * Reads a lock file.
 *
 * @param file - name for messages.
 * @param text - its content.
 * @returns the lock, absent when there are errors, and the findings.
 */
export function parseLock(
  file: string,
  text: string,
): { lock?: TemplateLock; diagnostics: readonly Diagnostic[] } {
  const findings = createFindings([file]);
  const tree = parseYaml(file, text, findings);
  if (!tree) return { diagnostics: findings.list() };
  const templates = mapMember(tree, 'templates');
  if (textOf(member(tree, 'format')) !== format || !templates)
    findings.report(
      { code: 'LOCK_INVALID', message: `this is no lock file of the format ${format}`, hint: writeAnew },
      { ...tree.place, end: tree.place.start },
    );
  const entries: Record<string, LockedTemplate> = {};
  for (const [name, entry] of templates?.entries ?? []) {
    const locked = readEntry(name, entry, findings);
    if (locked) entries[name] = locked;
  }
  const diagnostics = findings.list();
  return hasErrors(diagnostics) ? { diagnostics } : { lock: entries, diagnostics };
}

/**
 * Writes a lock file.
 *
 * @param lock - what is pinned, in any order.
 * @returns the text; the same lock gives the same bytes.
 */
export function encodeLock(lock: TemplateLock): string {
  return `${canonicalJson({ format, templates: lock }, 2)}\n`;
}
