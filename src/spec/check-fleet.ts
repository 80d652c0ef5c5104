/** Rules between containers: references lead somewhere and not in circles, the ids suffice, aliases are known. */
import { suggest } from '../util/suggest.ts';
import { checkUnique } from './check-unique.ts';
import type { Instance } from './expand.ts';
import type { Findings } from './findings.ts';
import { locate, type Place } from './tree.ts';
import { splitTexts } from './values.ts';

/** What the file says beside its containers. */
export interface FleetFacts {
  readonly vmids: { readonly from: number; readonly to: number };
  /** Where the range is written, or the start of the file. */
  readonly vmidsPlace: Place;
  /** Known aliases of templates. */
  readonly aliases: readonly string[];
  readonly readEnvironment: (name: string) => string | undefined;
}

const dependencies = (instance: Instance): readonly string[] => {
  const { dependsOn } = instance.raw;
  return typeof dependsOn === 'string' ? splitTexts(dependsOn) : (dependsOn ?? []);
};

function dependencyPlace(instance: Instance, name: string): Place {
  const { tree } = locate(instance.tree, ['dependsOn']);
  const item =
    tree.kind === 'list' ? tree.items.find((one) => one.kind === 'scalar' && one.value === name) : undefined;
  return (item ?? tree).place;
}

function checkReferences(instances: ReadonlyMap<string, Instance>, findings: Findings): void {
  for (const instance of instances.values())
    for (const name of dependencies(instance)) {
      if (instances.has(name)) continue;
      const near = suggest(name, instances.keys());
      findings.report(
        {
          code: 'SPEC_DEPENDS_ON',
          message: `there is no container '${name}' to depend on`,
          hint: near === undefined ? 'use the name of an entry, after counting' : `did you mean '${near}'?`,
        },
        dependencyPlace(instance, name),
      );
    }
}

/** Depth-first search without recursion: a chain may be as long as the fleet. */
function checkCycles(instances: ReadonlyMap<string, Instance>, findings: Findings): void {
  const state = new Map<string, 'open' | 'done'>();
  for (const start of instances.keys()) {
    if (state.has(start)) continue;
    const path: { key: string; rest: string[] }[] = [];
    const enter = (key: string): void => {
      state.set(key, 'open');
      path.push({ key, rest: [...dependencies(instances.get(key) as Instance)] });
    };
    enter(start);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const next = top.rest.shift();
      if (next === undefined) {
        state.set(top.key, 'done');
        path.pop();
      } else if (state.get(next) === 'open') {
        const circle = [...path.slice(path.findIndex(({ key }) => key === next)).map(({ key }) => key), next];
        const message =
          circle.length === 2
            ? `'${next}' depends on itself`
            : `containers wait for each other: ${circle.join(' → ')}`;
        findings.report(
          { code: 'SPEC_CYCLE', message, topic: 'cycle' },
          dependencyPlace(instances.get(top.key) as Instance, next),
        );
      } else if (!state.has(next) && instances.has(next)) enter(next);
    }
  }
}

function checkVmids(instances: readonly Instance[], facts: FleetFacts, findings: Findings): void {
  const { from, to } = facts.vmids;
  const fixed = new Set(instances.map(({ raw }) => raw.vmid).filter((vmid) => typeof vmid === 'number'));
  const taken = [...fixed].filter((vmid) => vmid >= from && vmid <= to).length;
  const free = to - from + 1 - taken;
  const automatic = instances.filter(({ raw }) => typeof raw.vmid !== 'number').length;
  if (automatic > free)
    findings.report(
      {
        code: 'SPEC_VMIDS_EXHAUSTED',
        message: `${automatic} containers need an id, but the range ${from} to ${to} has ${free} left`,
        hint: `for example: vmids: { from: ${from}, to: ${to + automatic - free} }`,
      },
      facts.vmidsPlace,
    );
}

/** A container can be taken over once, and only when its old name is free. */
function checkRenames(instances: ReadonlyMap<string, Instance>, findings: Findings): void {
  const takers = new Map<string, string>();
  for (const { key, raw, tree } of instances.values()) {
    const { renamedFrom: old } = raw;
    if (old === undefined) continue;
    const taker = takers.get(old);
    const message = instances.has(old)
      ? `'${old}' is still in the file, so '${key}' cannot have its container`
      : taker !== undefined && `'${old}' became '${taker}' already, and cannot become '${key}', too`;
    if (message !== false)
      findings.report({ code: 'SPEC_RENAME', message }, locate(tree, ['renamedFrom']).tree.place);
    else takers.set(old, key);
  }
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function checkTimezones(instances: readonly Instance[], findings: Findings): void {
  const known = new Map<string, boolean>([['host', true]]);
  for (const { raw, tree } of instances) {
    if (raw.timezone == null) continue;
    const fine = known.get(raw.timezone) ?? isTimezone(raw.timezone);
    known.set(raw.timezone, fine);
    if (fine) continue;
    const near = suggest(raw.timezone, Intl.supportedValuesOf('timeZone'));
    findings.report(
      {
        severity: 'warning',
        code: 'SPEC_TIMEZONE',
        message: `the time zone '${raw.timezone}' is not known here`,
        hint: near === undefined ? undefined : `did you mean ${near}?`,
      },
      locate(tree, ['timezone']).tree.place,
    );
  }
}

/** An alias that is nearly a known one is probably a slip; it may also be the name of a package. */
function checkAliases(instances: readonly Instance[], facts: FleetFacts, findings: Findings): void {
  const known = new Set(facts.aliases);
  for (const { raw, tree } of instances) {
    const { template } = raw;
    if (template === undefined || known.has(template) || /[*?{:_]/.test(template)) continue;
    const near = suggest(template, known);
    if (near === undefined) continue;
    findings.report(
      {
        severity: 'warning',
        code: 'SPEC_TEMPLATE',
        message: `'${template}' is no known alias of a template`,
        hint: `did you mean '${near}'?`,
      },
      locate(tree, ['template']).tree.place,
    );
  }
}

function checkSshKeys(instances: readonly Instance[], facts: FleetFacts, findings: Findings): void {
  for (const { tree } of instances) {
    const keys = locate(tree, ['sshKeys']).tree;
    if (keys.kind !== 'list') continue;
    for (const item of keys.items) {
      const [, name] = item.kind === 'scalar' ? (/^\$\{env:(\w+)\}$/.exec(String(item.value)) ?? []) : [];
      if (name !== undefined && !facts.readEnvironment(name)?.trim())
        findings.report(
          {
            code: 'SPEC_ENVIRONMENT',
            message: `the environment variable ${name} is not set`,
            hint: 'set it to the line of an SSH public key',
          },
          item.place,
        );
    }
  }
}

/**
 * Checks the fleet as a whole.
 *
 * @param instances - all containers.
 * @param facts - the rest of the file.
 * @param findings - gets the problems.
 */
export function checkFleet(instances: readonly Instance[], facts: FleetFacts, findings: Findings): void {
  const named = checkUnique(instances, findings);
  const byKey = new Map(named.map((instance) => [instance.key, instance]));
  checkReferences(byKey, findings);
  checkRenames(byKey, findings);
  checkCycles(byKey, findings);
  checkVmids(named, facts, findings);
  checkTimezones(named, findings);
  checkAliases(named, facts, findings);
  checkSshKeys(named, facts, findings);
}
