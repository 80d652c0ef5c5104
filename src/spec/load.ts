/**
 * Fleet file → DesiredFleet, in one go: parse, validate, expand, check, build. Every step goes on with what the step
 * before found sound, so that one run tells everything that is wrong. Pure: files are read through callbacks.
 */
import type { DesiredFleet } from '../domain/desired.ts';
import { type Diagnostic, hasErrors } from '../util/diagnostic.ts';
import { type BlueprintFile, createBlueprints } from './blueprints.ts';
import { buildContainer } from './build.ts';
import type { CatalogAliases } from './catalog.ts';
import { checkContainer } from './check-container.ts';
import { checkFleet } from './check-fleet.ts';
import { checkCopies } from './check-inside.ts';
import { checkPools } from './check-pools.ts';
import { createStack, expandFleet } from './expand.ts';
import { defaultVmids, type FleetFile } from './file.ts';
import { createFindings, type Findings } from './findings.ts';
import { checkFileNames } from './names.ts';
import { parseYaml } from './parse.ts';
import { checkSchedule, withFleetSchedule } from './schedules.ts';
import { fleetSchema } from './schema.ts';
import { withStableMacs } from './stable-macs.ts';
import { expandStudents } from './students.ts';
import { readOwnTemplates } from './template-sources.ts';
import { locate, mapMember, member, type Place, type Tree, toPlain } from './tree.ts';
import { validate } from './validate.ts';

/** What {@link loadFleet} is given. */
export interface LoadInput {
  /** Name of the file for messages. */
  readonly file: string;
  readonly text: string;
  /** Aliases of templates that come with pvefleet; the file's own ones win. */
  readonly aliases?: CatalogAliases;
  /** Finds a blueprint that the file does not define itself. */
  readonly readBlueprint: (name: string) => BlueprintFile | undefined;
  /** Finds the file that `students.roster` names; absent: there is none. */
  readonly readRoster?: (path: string) => BlueprintFile | undefined;
  /** Names that `readBlueprint` knows; for suggestions. */
  readonly blueprintNames?: readonly string[];
  /** For `${env:NAME}` in sshKeys. Absent: such references are errors. */
  readonly readEnvironment?: (name: string) => string | undefined;
  /** Gives the absolute form of a path that the file writes; absent: paths stay as they are. */
  readonly resolvePath?: (path: string) => string;
  /** Tells why a file or folder of this machine cannot be read; absent: nobody looks before a plan is made. */
  readonly lookAt?: (path: string) => string | undefined;
}

/** What comes of it; `fleet` is absent when there are errors. */
export interface LoadResult {
  readonly fleet?: DesiredFleet;
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of all files that were read, by name; for excerpts. */
  readonly sources: ReadonlyMap<string, string>;
}

function readVmids(tree: Tree, findings: Findings): { vmids: { from: number; to: number }; place: Place } {
  const range = mapMember(tree, 'vmids');
  const ends = [member(range, 'from'), member(range, 'to')].map((end) =>
    end?.kind === 'scalar' && typeof end.value === 'number'
      ? { value: end.value, place: end.place }
      : undefined,
  );
  const [from, to] = ends;
  if (!range || !from || !to) return { vmids: defaultVmids, place: tree.place };
  if (from.value <= to.value)
    return {
      vmids: { from: from.value, to: to.value },
      place: locate(tree, ['vmids']).key ?? range.place,
    };
  findings.report(
    {
      code: 'SPEC_RANGE',
      message: `the range of VMIDs ends (${to.value}) before it begins (${from.value})`,
      hint: `did you mean { from: ${to.value}, to: ${from.value} }?`,
    },
    to.place,
  );
  return { vmids: { from: to.value, to: from.value }, place: range.place };
}

const textOf = (tree: Tree | undefined): string => (tree?.kind === 'scalar' ? String(tree.value) : '');

function lookedAt(
  path: string,
  lookAt: NonNullable<LoadInput['lookAt']>,
): { problem: string; path: string } | undefined {
  const problem = lookAt(path);
  return problem === undefined ? undefined : { problem, path };
}

/**
 * Loads a fleet file.
 *
 * @param input - the text and ways to further files.
 * @returns the fleet, if there are no errors, and all findings with their places.
 */
export function loadFleet(input: LoadInput): LoadResult {
  const { file, text, readBlueprint, blueprintNames = [], readEnvironment = () => undefined } = input;
  const findings = createFindings([file]);
  const sources = new Map([[file, text]]);
  const finish = (fleet?: DesiredFleet): LoadResult => {
    const diagnostics = findings.list();
    return { ...(fleet && !hasErrors(diagnostics) ? { fleet } : {}), diagnostics, sources };
  };
  const parsed = parseYaml(file, text, findings);
  if (!parsed) return finish();
  const tree = validate(parsed, fleetSchema, findings);
  if (tree.kind !== 'map') return finish();
  const start = { ...tree.place, end: tree.place.start };
  if (!tree.entries.has('containers') && !tree.entries.has('students'))
    findings.report(
      {
        code: 'SPEC_MISSING',
        message: "'containers' is missing",
        hint: "an empty fleet is written 'containers: {}'",
      },
      start,
    );
  checkFileNames(tree, findings);
  const blueprints = createBlueprints({
    inline: mapMember(tree, 'blueprints'),
    read: readBlueprint,
    names: blueprintNames,
    findings,
    sources,
  });
  const name = textOf(member(tree, 'fleet'));
  const stack = createStack(tree, blueprints);
  const people = { read: input.readRoster ?? (() => undefined), findings, sources };
  const { instances: personal, ...students } = expandStudents(tree, name, stack, people);
  const instances = [...expandFleet(tree, stack, findings), ...personal].map((one) =>
    withFleetSchedule(withStableMacs(one, name), tree),
  );
  for (const instance of instances) {
    checkContainer(instance, findings);
    checkSchedule(instance, findings);
  }
  const resolvePath = input.resolvePath ?? ((path) => path);
  const own = readOwnTemplates(mapMember(tree, 'templates'), resolvePath, findings);
  const aliases = { ...input.aliases, ...own.aliases };
  const { vmids, place: vmidsPlace } = readVmids(tree, findings);
  checkPools(instances, findings);
  const { lookAt } = input;
  if (lookAt) checkCopies(instances, (from) => lookedAt(resolvePath(from), lookAt), findings);
  checkFleet(instances, { vmids, vmidsPlace, aliases: Object.keys(aliases), readEnvironment }, findings);
  if (hasErrors(findings.list())) return finish();
  const { placement, capacity } = toPlain(tree) as Partial<FleetFile>;
  const context = { aliases, readEnvironment, resolvePath, ...(placement ? { placement } : {}) };
  return finish({
    name,
    vmids,
    ...(capacity ? { capacity } : {}),
    ...students,
    containers: instances.map((instance) => buildContainer(instance, context)),
    ...(Object.keys(own.sources).length === 0 ? {} : { sources: own.sources }),
  });
}
