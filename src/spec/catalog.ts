/** The catalogue of template aliases, `templates/catalog.yaml`: short names for the newest template of a kind. */
import type { Diagnostic } from '../util/diagnostic.ts';
import { hasErrors } from '../util/diagnostic.ts';
import { createFindings } from './findings.ts';
import { checkTemplate } from './formats.ts';
import { parseYaml } from './parse.ts';
import { mapMember, member } from './tree.ts';

/** Alias → pattern of file names (`debian-13-standard_*`) or a volume id. */
export type CatalogAliases = Readonly<Record<string, string>>;

/**
 * Reads a catalogue: `version: 1` and a map `aliases`.
 *
 * @param file - name for messages.
 * @param text - YAML.
 * @returns the aliases, absent when there are errors, and the findings.
 */
export function parseCatalog(
  file: string,
  text: string,
): { aliases?: CatalogAliases; diagnostics: readonly Diagnostic[] } {
  const findings = createFindings([file]);
  const tree = parseYaml(file, text, findings);
  if (!tree) return { diagnostics: findings.list() };
  const start = { ...tree.place, end: tree.place.start };
  const version = member(tree, 'version');
  if (version?.kind !== 'scalar' || version.value !== 1)
    findings.report(
      { code: 'SPEC_VERSION', message: 'the catalogue has no known version', hint: "write 'version: 1'" },
      version?.place ?? start,
    );
  const aliases: Record<string, string> = {};
  const map = mapMember(tree, 'aliases');
  if (!map) findings.report({ code: 'SPEC_MISSING', message: "the map 'aliases' is missing" }, start);
  for (const [alias, { value }] of map?.entries ?? []) {
    const pattern = value.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
    const problem =
      pattern === undefined
        ? { code: 'SPEC_TYPE', message: `the pattern of '${alias}' must be text` }
        : checkTemplate(pattern);
    if (problem) findings.report(problem, value.place);
    else aliases[alias] = pattern as string;
  }
  const diagnostics = findings.list();
  return hasErrors(diagnostics) ? { diagnostics } : { aliases, diagnostics };
}
