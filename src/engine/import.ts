/** Existing containers → a fleet file that describes them, proved by planning it. Reads only. */
import { PveError } from '../api/errors/pve-error.ts';
import type { ActualContainer, ClusterSnapshot } from '../domain/actual.ts';
import { describeContainer } from '../domain/describe.ts';
import type { DesiredContainer, DesiredFleet, TemplateAlias, Vmid } from '../domain/desired.ts';
import { nameSome } from '../domain/drift.ts';
import { guessTemplate, type TemplateGuess } from '../domain/guess-template.ts';
import { ownerName } from '../domain/ownership.ts';
import type { Policy } from '../domain/plan.ts';
import { planFleet } from '../domain/plan-fleet.ts';
import type { CatalogAliases } from '../spec/catalog.ts';
import { SpecError } from '../spec/errors.ts';
import { defaultVmids, type FleetFile } from '../spec/file.ts';
import { fitFile } from '../spec/fit.ts';
import { checkFleetName } from '../spec/formats.ts';
import { liftDefaults } from '../spec/lift.ts';
import { type LoadResult, loadFleet } from '../spec/load.ts';
import { toFleetFile, writeFleet } from '../spec/write.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { UsageError } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { PlanRefusedError } from './errors.ts';
import { readExtrasOf } from './import-extras.ts';
import { selectContainers } from './list.ts';
import { observe } from './observe.ts';
import type { Selection } from './selection.ts';
import { readTemplates, type Templates } from './template-store.ts';

/** How to write the file. */
export interface ImportOptions {
  /** Name of the fleet; default: that of the fleet that owns all of them, else `imported`. */
  readonly fleet?: string;
  /** Short names of templates → patterns. */
  readonly aliases: CatalogAliases;
}

/** The document `pvefleet.import/1`. */
export interface ImportDocument {
  readonly format: 'pvefleet.import/1';
  readonly fleet: string;
  readonly containers: readonly {
    readonly key: string;
    readonly vmid: Vmid;
    readonly node: string;
    /** Nobody owns it yet: the file takes it over. */
    readonly adopt: boolean;
  }[];
  /** The fleet file. */
  readonly yaml: string;
  /** What the file cannot say, and what is to be known before it is applied. */
  readonly notices: readonly Diagnostic[];
}

const templateRemark = 'used at creation only; what it was made from is not recorded';

function fleetNameOf(containers: readonly ActualContainer[], wanted: string | undefined): string {
  if (wanted !== undefined) {
    const problem = checkFleetName(wanted);
    if (problem)
      throw new UsageError(problem.message, problem.hint === undefined ? {} : { hint: problem.hint });
    return wanted;
  }
  const owners = new Set(containers.map(({ ownership }) => ownership?.fleet));
  const [only] = owners;
  return owners.size === 1 && only !== undefined ? only : 'imported';
}

/** Somebody else's containers, and copies of the ownership line, are never claimed. */
function assertFree(fleet: string, containers: readonly ActualContainer[]): void {
  const foreign = containers.filter(({ ownership }) => ownership && ownership.fleet !== fleet);
  const [first] = foreign;
  if (first?.ownership) {
    const all = foreign.map(({ vmid, ownership }) => `${vmid} (${ownership ? ownerName(ownership) : ''})`);
    throw new PlanRefusedError({
      fleet,
      message: `refused: ${nameSome(all)} belong${all.length === 1 ? 's' : ''} to another fleet than ${fleet}`,
      hint: `leave them out, or import them alone with --fleet ${first.ownership.fleet}`,
    });
  }
  const byKey = new Map<string, Vmid>();
  for (const { vmid, ownership } of containers) {
    if (!ownership) continue;
    const other = byKey.get(ownership.key);
    if (other !== undefined)
      throw new PlanRefusedError({
        fleet,
        message: `refused: ${other} and ${vmid} both say that they are ${ownerName(ownership)}`,
        hint: 'a clone copies the notes: remove the pvefleet line from the notes of the wrong one, or leave it out',
      });
    byKey.set(ownership.key, vmid);
  }
}

/** Archives and catalogue, to choose templates from; without them the names alone have to do. */
async function templatesFor(
  context: EngineContext,
  snapshot: ClusterSnapshot,
  containers: readonly ActualContainer[],
  notices: Diagnostic[],
): Promise<Templates> {
  const used = new Set(containers.map(({ node }) => node));
  const nodes = snapshot.nodes.filter(({ node }) => used.has(node));
  try {
    return await readTemplates(context, { nodes, storages: snapshot.storages }, 'all');
  } catch (error) {
    if (!(error instanceof PveError)) throw error;
    notices.push({
      severity: 'info',
      code: 'TEMPLATES_UNREADABLE',
      message: `the templates were chosen by name alone: ${error.message}`,
    });
    return { templates: [], catalogue: [] };
  }
}

function keyOf({ vmid, next, name }: ActualContainer, taken: ReadonlySet<string>): string {
  const hostname = next.hostname ?? name ?? '';
  const plain = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,88}[A-Za-z0-9])?$/.test(hostname) && !/^\d+$/.test(hostname);
  const key = plain ? hostname : `ct-${vmid}`;
  return taken.has(key) ? `${key}-${vmid}` : key;
}

/** Keys of all containers; those that have one already keep it. */
function keysOf(containers: readonly ActualContainer[]): Map<Vmid, string> {
  const keys = new Map<Vmid, string>();
  const taken = new Set<string>();
  const give = (vmid: Vmid, key: string): void => {
    keys.set(vmid, key);
    taken.add(key);
  };
  for (const { vmid, ownership } of containers) if (ownership) give(vmid, ownership.key);
  for (const one of containers) if (!keys.has(one.vmid)) give(one.vmid, keyOf(one, taken));
  return keys;
}

function templateNotice(
  { key, options: { ostype } }: DesiredContainer,
  { template, from }: TemplateGuess,
): Diagnostic[] {
  if (from !== 'none') return [];
  const message = `${key}: there is no template for the distribution '${ostype ?? 'unknown'}', so '${template}' is written`;
  return [
    {
      severity: 'warning',
      code: 'TEMPLATE_UNKNOWN',
      message,
      hint: 'replace it before it is ever created anew',
    },
  ];
}

const carefully: Policy = {
  allow: { destroy: false, recreate: false, restart: false },
  maxDestroy: 0,
  prune: true,
  target: [],
  exclude: [],
};

/** Plans the file against the cluster: what would be done beside taking ownership is said. */
async function prove(context: EngineContext, fleet: DesiredFleet): Promise<Diagnostic[]> {
  const plan = planFleet(fleet, await observe(context, { fleet }), carefully);
  const left = plan.refusals.filter(({ needs }) => needs === 'destroy').map(({ key }) => key);
  const others = plan.refusals.filter(({ needs }) => needs !== 'destroy' && needs !== 'max-destroy');
  const changes = plan.actions
    .filter(({ kind }) => kind !== 'container.destroy' && kind !== 'container.stop')
    .flatMap(({ kind, target, changes: fields }) =>
      fields.length === 0
        ? [`${target.key}: ${kind}`]
        : fields.filter(({ field }) => field !== 'ownership').map(({ field }) => `${target.key}: ${field}`),
    )
    .filter((text) => !left.some((key) => text.startsWith(`${key}: `)));
  const warning = (code: string, message: string, hint?: string): Diagnostic => ({
    severity: 'warning',
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
  return [
    ...(left.length === 0
      ? []
      : [
          warning(
            'FLEET_INCOMPLETE',
            `the fleet ${fleet.name} owns ${nameSome(left)}, too, and without them in the file they are to be destroyed`,
            'import the whole fleet, or give this one another name',
          ),
        ]),
    ...(changes.length === 0
      ? []
      : [warning('IMPORT_DIFFERS', `applying the file would also change ${nameSome(changes, 8)}`)]),
    ...others.map(({ message, hint }) => warning('IMPORT_REFUSED', message, hint)),
  ];
}

function remarksOf(file: FleetFile): { path: readonly string[]; text: string }[] {
  const containers = Object.entries(file.containers ?? {});
  const paths = [
    ...(file.defaults?.template === undefined ? [] : [['defaults', 'template']]),
    ...containers.flatMap(([key, { template }]) =>
      template === undefined ? [] : [['containers', key, 'template']],
    ),
  ];
  return paths.map((path) => ({ path, text: templateRemark }));
}

/**
 * Writes a fleet file that describes existing containers: planned, it finds nothing to do but taking ownership.
 *
 * @param context - client, clock, limits, events.
 * @param selection - which containers.
 * @param options - name of the fleet, and what template names stand for.
 * @returns the file, and what is to be known about it.
 * @throws UsageError when nothing is selected; PlanRefusedError for containers of another fleet.
 */
export async function importContainers(
  context: EngineContext,
  selection: Selection,
  { fleet: wanted, aliases }: ImportOptions,
): Promise<ImportDocument> {
  const { containers, snapshot } = await selectContainers(context, selection);
  const notices: Diagnostic[] = [];
  if (containers.length === 0)
    throw new UsageError('there is no container to import', { hint: 'see what there is: pvefleet list' });
  const fleet = fleetNameOf(containers, wanted);
  assertFree(fleet, containers);
  const sources = { ...snapshot, ...(await templatesFor(context, snapshot, containers, notices)) };
  const { haResources, firewalls } = await readExtrasOf(context, containers, notices);
  const patterns = Object.fromEntries(
    Object.entries(aliases).map(([alias, pattern]): [string, TemplateAlias] => [alias, { pattern }]),
  );
  const keys = keysOf(containers);
  const described = containers.map((actual): DesiredContainer => {
    const { arch, ostype } = actual.next;
    const place = { node: actual.node, ...(arch === undefined ? {} : { architecture: arch }) };
    const guess = guessTemplate(ostype, place, sources, patterns);
    const { desired, notices: found } = describeContainer(actual, {
      key: keys.get(actual.vmid) as string,
      template: guess.template,
      adopt: actual.ownership === undefined,
      ha: haResources.get(actual.vmid),
      firewall: firewalls.get(actual.vmid),
    });
    notices.push(...found, ...templateNotice(desired, guess));
    return desired;
  });
  const load = (text: string): LoadResult =>
    loadFleet({ file: 'the imported file', text, aliases, readBlueprint: () => undefined });
  const { vmids: _default, ...whole } = toFleetFile({
    name: fleet,
    vmids: defaultVmids,
    containers: described,
  });
  const fitted = fitFile(whole, (text) => load(text).diagnostics);
  notices.push(...fitted.notices);
  const file = liftDefaults(fitted.file);
  const count = Object.keys(file.containers ?? {}).length;
  const yaml = writeFleet(file, {
    comment: [
      `${count === 1 ? 'A container' : `${count} containers`} as found by pvefleet import. A plan of this file has nothing to do but`,
      'taking ownership; what is not written here is not managed.',
    ],
    remarks: remarksOf(file),
  });
  const { fleet: loaded, diagnostics, sources: texts } = load(yaml);
  if (!loaded) throw new SpecError(diagnostics, texts);
  notices.push(...(await prove(context, loaded)));
  return {
    format: 'pvefleet.import/1',
    fleet,
    containers: loaded.containers.map(({ key, vmid, node, adopt }) => ({
      key,
      vmid: vmid as Vmid,
      node,
      adopt,
    })),
    yaml,
    notices,
  };
}
