/** Fleet files for tests: a marker «…» in the text says where a finding is expected. */
import { type LoadInput, type LoadResult, loadFleet } from '../../../src/spec/load.ts';

const aliases = { 'debian-13': 'debian-13-standard_*', 'alpine-3.24': 'alpine-3.24-default_*' };

/** Loads a text with blueprints given as texts. */
export function load(
  text: string,
  blueprints: Readonly<Record<string, string>> = {},
  more: Partial<LoadInput> = {},
): LoadResult {
  return loadFleet({
    file: 'fleet.yaml',
    text,
    aliases,
    blueprintNames: Object.keys(blueprints),
    readBlueprint: (name) =>
      Object.hasOwn(blueprints, name)
        ? { file: `${name}.yaml`, text: blueprints[name] as string }
        : undefined,
    ...more,
  });
}

/** Takes the marker out of a text and tells what it stood around. */
export function unmark(marked: string): { text: string; at: string } {
  const start = marked.indexOf('«');
  const text = marked.replace('«', '').replace('»', '');
  const end = marked.indexOf('»') - 1;
  const place = (offset: number): string => {
    const before = text.slice(0, offset).split('\n');
    return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
  };
  return { text, at: start < 0 ? '' : `${place(start)}-${place(end)}` };
}

/** Findings as `file:line:column-line:column CODE`. */
export function summary({ diagnostics }: Pick<LoadResult, 'diagnostics'>): string[] {
  return diagnostics.map(({ code, range }) =>
    range
      ? `${range.file} ${range.line}:${range.column}-${range.endLine}:${range.endColumn} ${code}`
      : `- ${code}`,
  );
}

const indent = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? line : ' '.repeat(by) + line))
    .join('\n');

/** A file that is sound but for what is added: keys of one container. */
export function withContainer(body: string): string {
  return `version: 1
fleet: lab
containers:
  web01:
    node: pve1
    template: debian-13
    rootfs: { storage: local-lvm, size: 8GiB }
${indent(body, 4)}
`;
}

/** A file that is sound but for what is added: entries below complete defaults. */
export function withEntries(body: string, head = ''): string {
  return `version: 1
fleet: lab
${head === '' ? '' : `${head}\n`}defaults: { node: pve1, template: debian-13, rootfs: { storage: local-lvm, size: 8GiB } }
containers:
${indent(body, 2)}
`;
}
