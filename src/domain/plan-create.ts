/** Creation of a container: its parameters, the checks that can be made beforehand, and the first start. */
import type { Ownership } from '../codec/description.ts';
import { encodeLxcConfig, type LxcConfig } from '../codec/lxc-config.ts';
import type { SecretPlaceholder, WireValue } from '../schema/request.ts';
import { createAction, startAction, type Target, templateAction } from './actions.ts';
import type { StorageInfo } from './actual.ts';
import type { DesiredContainer } from './desired.ts';
import { diff } from './diff.ts';
import { type Conflict, familyNames, proposeFamily } from './families.ts';
import { type FieldRow, patchConfig } from './field-row.ts';
import { fieldRows } from './fields.ts';
import { claim, type TagStyle } from './ownership.ts';
import type { Action, FieldChange, Precondition, Refusal } from './plan.ts';
import { refusal } from './refusal.ts';
import { readVolume, spellBytes, spellNewVolume } from './spelling.ts';

const emptyConfig: LxcConfig = { nets: {}, mounts: {}, devices: {}, unused: {}, other: {} };

/** A new container and everything its creation needs. */
export interface CreateRequest {
  readonly desired: DesiredContainer;
  readonly target: Target;
  readonly owner: Ownership;
  readonly tagStyle: TagStyle;
  /** Volume id of the template. */
  readonly ostemplate: string;
  readonly precondition: Precondition;
  readonly reason: string;
  readonly after?: readonly string[];
}

/** The config of a new container, and what of the file cannot be had. */
interface NewConfig {
  readonly config: LxcConfig;
  readonly conflicts: readonly Conflict[];
}

/** The config that a new container is created with. */
export function newConfig(desired: DesiredContainer): NewConfig {
  const conflicts: Conflict[] = [];
  const { storage, sizeBytes } = desired.rootfs;
  let config: LxcConfig =
    storage === undefined || sizeBytes === undefined
      ? emptyConfig
      : { ...emptyConfig, rootfs: { volume: spellNewVolume(storage, sizeBytes) } };
  // the server's defaults for a new container are not those of an absent key, so everything wanted is sent
  for (const row of fieldRows)
    if ((row.want(desired) ?? null) !== null) config = patchConfig(config, row.write(desired, config));
  for (const name of familyNames)
    config = patchConfig(config, {
      [name]: proposeFamily(name, desired, { live: emptyConfig, next: emptyConfig }, (conflict) => {
        conflicts.push(conflict);
      }),
    });
  return { config, conflicts };
}

const alwaysShown: ReadonlySet<string> = new Set(['hostname', 'unprivileged', 'memory', 'swap']);

/** Fields of a new container that are worth showing and can be read back. */
function createdFields(desired: DesiredContainer, config: LxcConfig): FieldChange[] {
  const live = (field: string, to: FieldChange['to']): FieldChange => ({
    field,
    from: null,
    to,
    effect: 'live',
  });
  const shown = (row: FieldRow): FieldChange[] => {
    const wanted = row.want(desired);
    const isDefault = wanted === undefined || wanted === null || wanted === false;
    return isDefault && !(wanted !== undefined && alwaysShown.has(row.field))
      ? []
      : [live(row.field, wanted ?? null)];
  };
  const { storage, sizeBytes } = desired.rootfs;
  const entries = diff(emptyConfig, config, { live: emptyConfig, isStopped: true }).filter(({ change }) =>
    familyNames.some((name) => change.field.startsWith(`${name}.`)),
  );
  return [
    ...fieldRows.flatMap(shown),
    ...(storage === undefined ? [] : [live('rootfs.storage', storage)]),
    ...(sizeBytes === undefined ? [] : [live('rootfs.size', spellBytes(sizeBytes))]),
    ...entries.map(({ change }) => change),
  ];
}

/**
 * Plans creation and first start.
 *
 * @param request - the container and what its creation needs.
 * @returns create and, where it should run, start.
 */
export function creationActions(request: CreateRequest): Action[] {
  const { desired, target, owner, tagStyle, ostemplate, reason } = request;
  const { config } = newConfig(desired);
  const { access, pool } = desired;
  const params: Record<string, WireValue | SecretPlaceholder> = {
    ostemplate,
    ...encodeLxcConfig(claim(config, owner, tagStyle)),
    // PVE: the default changed with 9.0, so it is never left to the server
    unprivileged: desired.unprivileged,
    ...(pool == null ? {} : { pool }),
    ...(access?.password ? { password: access.password } : {}),
    ...(access?.sshKeys?.length ? { 'ssh-public-keys': access.sshKeys.join('\n') } : {}),
  };
  const create = createAction(target, params, request.precondition, {
    reason,
    after: request.after ?? [],
    changes: createdFields(desired, config),
  });
  if (desired.isTemplate)
    return [create, templateAction(target, { reason: 'should be a template', after: [create.id] })];
  if (desired.power !== 'running') return [create];
  return [create, startAction(target, { reason: 'should be running', after: [create.id] })];
}

/** Checks that a storage of a node takes containers. */
export function storageRefusal(
  { key }: DesiredContainer,
  node: string,
  storage: string,
  storages: readonly StorageInfo[],
): Refusal[] {
  // nothing known about the node's storages: the server will tell
  if (storages.length === 0) return [];
  const found = storages.find((one) => one.storage === storage);
  if (!found)
    return [
      refusal(
        { key },
        {
          code: 'STORAGE_UNKNOWN',
          message: `${node} has no storage ${storage}`,
          hint: `it has ${storages.map((one) => one.storage).join(', ')}`,
        },
      ),
    ];
  if (found.content.includes('rootdir')) return [];
  const others = storages.filter(({ content }) => content.includes('rootdir')).map((one) => one.storage);
  return [
    refusal(
      { key },
      {
        code: 'STORAGE_CONTENT',
        message: `storage ${storage} of ${node} does not take containers`,
        hint:
          others.length > 0
            ? `these do: ${others.join(', ')}`
            : 'allow the content type rootdir on one of its storages',
      },
    ),
  ];
}

/**
 * Checks what can be known before a creation.
 *
 * @param desired - the new container.
 * @param storages - storages of its node, in natural order.
 * @returns refusals; none when nothing speaks against it.
 */
export function creationObstacles(desired: DesiredContainer, storages: readonly StorageInfo[]): Refusal[] {
  const { key, node, rootfs } = desired;
  const { config, conflicts } = newConfig(desired);
  const incomplete =
    rootfs.storage === undefined || rootfs.sizeBytes === undefined
      ? [
          refusal(
            { key },
            {
              code: 'ROOTFS_INCOMPLETE',
              message: 'a new container needs a root disk with storage and size',
              hint: 'write rootfs: { storage: …, size: 8GiB }, or put it into defaults',
            },
          ),
        ]
      : [];
  const used = [
    rootfs.storage,
    ...Object.values(config.mounts).map(({ volume }) => readVolume(volume).storage),
  ];
  return [
    ...incomplete,
    ...conflicts.map(({ change, ...text }) => refusal({ key }, { ...text, changes: [change] })),
    ...[...new Set(used)].flatMap((storage) =>
      storage === undefined ? [] : storageRefusal(desired, node, storage, storages),
    ),
  ];
}
