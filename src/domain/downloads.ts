/** Templates that a plan needs: resolved once per name and place, downloaded once per storage. */
import { naturalCompare } from '../util/compare.ts';
import { downloadId } from './actions.ts';
import type { ClusterSnapshot, StorageInfo } from './actual.ts';
import type { TemplateChoice } from './appliance.ts';
import type { ContainerPlan } from './assemble.ts';
import { chooseTemplate } from './choose-template.ts';
import type { DesiredContainer, DesiredFleet } from './desired.ts';
import { fetchAction } from './fetch-template.ts';
import type { Action } from './plan.ts';

type Download = Extract<TemplateChoice, { readonly kind: 'download' }>;

/**
 * Creates the resolver of one plan.
 *
 * @param fleet - aliases.
 * @param snapshot - storages, archives and catalogue.
 * @returns what a container's template comes to on its node; equal questions are answered once.
 */
export function createResolver(
  fleet: DesiredFleet,
  snapshot: ClusterSnapshot,
): (desired: DesiredContainer) => TemplateChoice {
  const choices = new Map<string, TemplateChoice>();
  return (desired) => {
    const { template, templateName, templateStorage, node, options } = desired;
    const key = JSON.stringify([template, templateName, node, templateStorage, options.arch]);
    const known = choices.get(key);
    if (known) return known;
    const choice = chooseTemplate(fleet, desired, snapshot);
    choices.set(key, choice);
    return choice;
  };
}

/** Parts of a plan with the downloads that they wait for. */
export interface WithDownloads {
  readonly plans: readonly ContainerPlan[];
  readonly downloads: readonly Action[];
}

/**
 * Plans the downloads that creations need, and lets the creations wait for them.
 *
 * @param plans - parts of the plan.
 * @param storages - all storages; on a shared one any node fetches for all.
 * @returns the parts linked, and one download per archive and storage.
 */
export function planDownloads(
  plans: readonly ContainerPlan[],
  storages: readonly StorageInfo[],
): WithDownloads {
  const shared = new Set(storages.filter((one) => one.shared).map(({ storage }) => storage));
  const groupOf = ({ node, storage, template }: Download): string =>
    `${shared.has(storage) ? '*' : node}/${storage}/${template}`;
  const fetched = new Map<string, Download>();
  for (const { template: choice } of plans) {
    if (choice?.kind !== 'download') continue;
    const known = fetched.get(groupOf(choice));
    if (!known || naturalCompare(choice.node, known.node) < 0) fetched.set(groupOf(choice), choice);
  }
  const link = (plan: ContainerPlan): ContainerPlan => {
    if (plan.template?.kind !== 'download') return plan;
    const { node, storage, template } = fetched.get(groupOf(plan.template)) as Download;
    const id = downloadId(node, storage, template);
    const wait = (action: Action): Action =>
      action.kind === 'container.create' ? { ...action, dependsOn: [id, ...action.dependsOn] } : action;
    return { ...plan, actions: plan.actions.map(wait) };
  };
  return {
    plans: plans.map(link),
    downloads: [...fetched.values()].map((fetch) => fetchAction(fetch, { reason: 'not on the storage yet' })),
  };
}
