/** Fleet files with a roster, for tests. */
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { LoadResult } from '../../../src/spec/load.ts';
import { load } from '../spec/support.ts';

const head = `version: 1
fleet: lab
defaults: { node: pve1, template: debian-13, memory: 512MiB, rootfs: { storage: local-lvm, size: 8GiB } }
students:
`;

const indent = (text: string): string =>
  text
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');

/** Loads a file whose section `students` is given, with a roster called students.csv (or as told). */
export function loadRoster(students: string, roster = '', file = 'students.csv'): LoadResult {
  return load(
    `${head}${indent(students)}\n`,
    {},
    {
      readRoster: (path) => (path === file ? { file, text: roster } : undefined),
    },
  );
}

/** The same, where nothing may be wrong. */
export function fleetWith(students: string, roster = '', file = 'students.csv'): DesiredFleet {
  const { fleet, diagnostics } = loadRoster(students, roster, file);
  if (!fleet || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics, null, 2));
  return fleet;
}
