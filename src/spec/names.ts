/** Checks names that are keys of maps: interfaces, mount paths, devices, variables, aliases. Findings point at the key. */
import type { Findings, Problem } from './findings.ts';
import {
  checkBlueprintName,
  checkDevicePath,
  checkInterface,
  checkMountPath,
  checkVariable,
  type TextCheck,
} from './formats.ts';
import { checkGroup } from './person-formats.ts';
import { type MapTree, mapMember, type Tree } from './tree.ts';

/** Most members: Proxmox VE numbers net0–net31, mp0–mp255, dev0–dev255. */
const rules: readonly { map: string; check: TextCheck; most?: number }[] = [
  { map: 'nets', check: checkInterface, most: 32 },
  { map: 'mounts', check: checkMountPath, most: 256 },
  { map: 'devices', check: checkDevicePath, most: 256 },
  { map: 'env', check: checkVariable },
];

function checkKeys(map: MapTree | undefined, check: TextCheck, findings: Findings): void {
  for (const [name, { key }] of map?.entries ?? []) {
    const problem = check(name);
    if (problem) findings.report(problem, key);
  }
}

/**
 * Checks the names inside one layer of a container.
 *
 * @param layer - defaults, a blueprint or an entry.
 * @param findings - gets the problems.
 */
export function checkLayerNames(layer: Tree | undefined, findings: Findings): void {
  for (const { map, check, most } of rules) {
    const tree = mapMember(layer, map);
    checkKeys(tree, check, findings);
    if (tree && most !== undefined && tree.entries.size > most) {
      const problem: Problem = {
        code: 'SPEC_RANGE',
        message: `${tree.entries.size} ${map} are too many; the most is ${most}`,
      };
      findings.report(problem, tree.place);
    }
  }
}

/**
 * Checks the names at the top of a fleet file, but those of containers, which may have numbers to fill in.
 *
 * @param fleet - the file.
 * @param findings - gets the problems.
 */
export function checkFileNames(fleet: Tree, findings: Findings): void {
  const aliases = mapMember(fleet, 'templates');
  const blueprints = mapMember(fleet, 'blueprints');
  checkKeys(blueprints, checkBlueprintName, findings);
  checkKeys(
    aliases,
    (text) =>
      /^[A-Za-z0-9][\w.-]*$/.test(text)
        ? undefined
        : { code: 'SPEC_NAME', message: `'${text}' is not a valid alias of a template` },
    findings,
  );
  checkLayerNames(mapMember(fleet, 'defaults'), findings);
  const students = mapMember(fleet, 'students');
  const groups = mapMember(students, 'groups');
  checkKeys(groups, checkGroup, findings);
  for (const layer of [students, ...[...(groups?.entries.values() ?? [])].map(({ value }) => value)]) {
    checkLayerNames(layer, findings);
    for (const { value } of mapMember(layer, 'containers')?.entries.values() ?? [])
      checkLayerNames(value, findings);
  }
  for (const [, { value }] of blueprints?.entries ?? []) checkLayerNames(value, findings);
  for (const [, { value }] of mapMember(fleet, 'containers')?.entries ?? []) checkLayerNames(value, findings);
}
