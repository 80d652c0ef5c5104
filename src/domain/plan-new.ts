/** A container that is to be created, or destroyed and created again → its part of the plan. */
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { Target } from './actions.ts';
import type { ActualContainer, ClusterSnapshot, NodeInfo, Ownership, StorageInfo } from './actual.ts';
import type { TemplateChoice } from './appliance.ts';
import type { ContainerPlan } from './assemble.ts';
import type { DesiredContainer, DesiredFleet } from './desired.ts';
import { nameSome } from './drift.ts';
import type { Match } from './match.ts';
import { ownershipOf, wantsOtherNode, withClusterTags } from './ownership.ts';
import type { Action, FieldChange, Policy, Precondition, Refusal } from './plan.ts';
import { creationActions, creationObstacles } from './plan-create.ts';
import { removalActions, removalObstacles } from './plan-remove.ts';
import { refusal } from './refusal.ts';

/** What planning one container needs besides the container. */
export interface PlanContext {
  readonly fleet: DesiredFleet;
  readonly policy: Policy;
  readonly snapshot: ClusterSnapshot;
  readonly nodes: ReadonlyMap<string, NodeInfo>;
  readonly storages: ReadonlyMap<string, readonly StorageInfo[]>;
  /** What the container's template comes to, on its node. */
  readonly template: (desired: DesiredContainer) => TemplateChoice;
  /** All containers of the file, by key; what clones may be made from. */
  readonly matches: ReadonlyMap<string, Match>;
  /** Plans a container that is made from another one or from a backup. */
  readonly copy: (context: PlanContext, desired: DesiredContainer, target: Target, how: Making) => Creation;
}

/**
 * Checks that a node can be used.
 *
 * @returns a refusal when it is unknown or offline.
 */
export function nodeObstacles(context: PlanContext, key: string, name: string): Refusal[] {
  if (context.nodes.size === 0) return [];
  const node = context.nodes.get(name);
  if (!node)
    return [
      refusal(
        { key },
        {
          code: 'NODE_UNKNOWN',
          message: `the cluster has no node ${name}`,
          hint: `it has ${[...context.nodes.keys()].join(', ')}`,
        },
      ),
    ];
  return node.online
    ? []
    : [
        refusal(
          { key },
          {
            code: 'NODE_OFFLINE',
            message: `node ${name} is offline`,
            hint: 'bring it back, or leave this container out with --exclude',
          },
        ),
      ];
}

/** The ownership line of a container that is made, with the records of the one that it takes the place of. */
export function ownerOfNew(
  { fleet, matches, snapshot }: PlanContext,
  desired: DesiredContainer,
  now?: Pick<LxcConfig, 'tags' | 'description'>,
): Ownership {
  const tagging = { ownTag: snapshot.ownTag, ...(now ? { now } : {}) };
  const match = matches.get(desired.key);
  if (!match) return ownershipOf(fleet.name, desired, tagging);
  const { actual, line = actual?.ownership } = match;
  const owner = ownershipOf(fleet.name, match.desired, { ...tagging, before: line });
  // it is made anew where it was; until it is where the file wants it, its line says that it is not
  return actual && wantsOtherNode(fleet.name, match.desired, actual)
    ? { ...owner, node: actual.node }
    : owner;
}

/** When and why a container is made. */
export interface Making {
  readonly precondition: Precondition;
  readonly reason: string;
  readonly after: readonly string[];
}

/** The part of a plan that makes a container. */
export interface Creation
  extends Pick<ContainerPlan, 'actions' | 'refusals' | 'template' | 'origin' | 'config'> {
  readonly notices?: readonly Diagnostic[];
}

/** What later steps of planning need to know of a creation. */
const rest = (made: Creation): Pick<ContainerPlan, 'template' | 'origin' | 'config'> => ({
  ...(made.template ? { template: made.template } : {}),
  ...(made.origin ? { origin: made.origin } : {}),
  ...(made.config ? { config: made.config } : {}),
});

/**
 * Plans the making of a container, from its template or from what it is copied from.
 *
 * @param place - its id and node.
 * @param how - why and after what.
 */
export function createContainer(
  context: PlanContext,
  desired: DesiredContainer,
  place: { readonly vmid: number; readonly node: string },
  how: Making,
): Creation {
  const { key } = desired;
  const here = { ...desired, node: place.node };
  if (desired.from) return context.copy(context, here, { key, ...place }, how);
  const refusals = creationObstacles(here, context.storages.get(place.node) ?? []);
  const choice = context.template(here);
  if (choice.kind === 'missing') {
    const { code, message, hint } = choice.diagnostic;
    const text = { code, message, ...(hint === undefined ? {} : { hint }) };
    return {
      actions: [],
      refusals: [...refusals, refusal({ key, vmid: place.vmid }, text)],
      template: choice,
    };
  }
  const actions = creationActions({
    desired: withClusterTags(here, context.snapshot.tagStyle),
    target: { key, ...place },
    // the digest is that of the file, not of what this cluster makes of it
    owner: ownerOfNew(context, desired),
    tagStyle: context.snapshot.tagStyle,
    ostemplate: choice.volid,
    precondition: how.precondition,
    reason: how.reason,
    after: how.after,
  });
  return { actions, refusals, template: choice };
}

/**
 * Plans a container that is not there yet.
 *
 * @param vmid - its id, free in the snapshot.
 * @returns its part of the plan.
 */
export function planNew(context: PlanContext, match: Match, vmid: number): ContainerPlan {
  const { desired } = match;
  const { key, node } = desired;
  const { from, to } = context.fleet.vmids;
  const precondition: Precondition = { kind: 'vmid-free', flexible: desired.vmid === 'auto', from, to };
  const made = createContainer(
    context,
    desired,
    { vmid, node },
    { precondition, reason: 'not there yet', after: [] },
  );
  const refusals = [...match.refusals, ...nodeObstacles(context, key, node), ...made.refusals];
  const outcome = made.actions.length > 0 ? 'create' : 'refused';
  const notices = [...match.notices, ...(made.notices ?? [])];
  return { key, outcome, actions: made.actions, refusals, notices, ...rest(made) };
}

/**
 * Plans the destruction and new creation of a container whose changes cannot be made in place.
 *
 * @param changes - those changes.
 * @returns its part of the plan; with a refusal unless recreation is allowed.
 */
export function planRecreate(
  context: PlanContext,
  match: Match,
  actual: ActualContainer,
  changes: readonly FieldChange[],
): ContainerPlan {
  const { desired } = match;
  const { key } = desired;
  const { vmid, node } = actual;
  const fields = nameSome(changes.map(({ field }) => field));
  const reason = `${fields} cannot be changed in place`;
  // PVE: without purge a container that HA manages is refused, and that only after it was stopped
  const isInHa = actual.haState !== undefined;
  const gone = removalActions(key, actual, { reason, purge: isInHa, changes });
  const notices: Diagnostic[] =
    isInHa && !desired.ha
      ? [
          {
            severity: 'warning',
            code: 'HA_DROPPED',
            message: `${key}: container ${vmid} is managed by HA, and the new one will not be`,
            hint: 'add it to HA again afterwards',
          },
        ]
      : [];
  const refusals = [...match.refusals, ...removalObstacles(key, actual)];
  if (actual.ownership?.fleet !== context.fleet.name)
    refusals.push(
      refusal(
        { key, vmid },
        {
          code: 'ADOPT_RECREATE',
          message: `container ${vmid} is not owned yet, and ${fields} would need a new one`,
          hint: 'write its own values to take it over first',
          changes,
        },
      ),
    );
  else if (!context.policy.allow.recreate)
    refusals.push(
      refusal(
        { key, vmid },
        {
          needs: 'recreate',
          code: 'RECREATE_NOT_ALLOWED',
          message: `${fields} can only be had by destroying container ${vmid} with all its volumes and creating it again`,
          hint: 'if that is what you want: --allow recreate',
          changes,
        },
      ),
    );
  const made = createContainer(
    context,
    desired,
    { vmid, node },
    { precondition: { kind: 'none' }, reason, after: gone.slice(-1).map(({ id }) => id) },
  );
  const actions = [...gone, ...made.actions].map((action): Action => ({ ...action, risk: 'destructive' }));
  return {
    key,
    outcome: 'recreate',
    actions: made.actions.length > 0 ? actions : [],
    refusals: [...refusals, ...made.refusals],
    notices: [...match.notices, ...notices, ...(made.notices ?? [])],
    ...rest(made),
  };
}
