/**
 * Steps inside a container: their digests, how they are called, and the record in the ownership line of those that were
 * run. The record is for planning alone; a marker inside the container decides when a step is about to be run. Pure.
 */
import type { Ownership } from '../codec/description.ts';
import { digestOf } from '../util/canonical-json.ts';
import type { ProvisionStep, ReadyCheck } from './desired.ts';
import type { InsideWork } from './plan.ts';

/** Digits of a digest that the ownership line and the markers have. */
const digestLength = 8;
/** Stands in a record for a step that was not run. */
const notRun = '-';

/** What a step does, without what only says where it is, how it is called and how long it may take. */
function contentOf(step: ProvisionStep): unknown {
  const { name: _name, timeoutSeconds: _timeout, ...content } = step;
  if (content.kind !== 'copy') return content;
  const { from: _from, location: _location, local, ...rest } = content;
  return { ...rest, sha256: local && 'sha256' in local ? local.sha256 : undefined };
}

/**
 * Digests of steps.
 *
 * @param steps - in the order of the file; copies with what was read of them.
 * @returns 8 hex digits for each; equal steps have different ones.
 */
export function stepDigests(steps: readonly ProvisionStep[]): string[] {
  const seen = new Map<string, number>();
  return steps.map((step) => {
    const content = digestOf(contentOf(step));
    const earlier = seen.get(content) ?? 0;
    seen.set(content, earlier + 1);
    return (earlier === 0 ? content : digestOf([content, earlier])).slice(0, digestLength);
  });
}

/** Digests of the steps that were run, by their position then; undefined: it was not. */
type Record = readonly (string | undefined)[];

/**
 * Reads the record of an ownership line.
 *
 * @param ownership - the line; absent: nothing was run.
 * @returns one member for each step.
 */
function readRecord(ownership: Pick<Ownership, 'provision'> | undefined): Record {
  const text = ownership?.provision ?? '';
  if (text === '') return [];
  return text.split('.').map((digest) => (digest === notRun ? undefined : digest));
}

/**
 * The record after a step was run.
 *
 * @param before - the line as it is.
 * @param digests - of all steps of the file.
 * @param done - the one that was run.
 * @returns the attribute `provision`. Where a step is still to be run, that of its predecessor stays, so that it can be
 *   told that it has changed.
 */
export function recordAfter(
  before: Pick<Ownership, 'provision'> | undefined,
  digests: readonly string[],
  done: string,
): string {
  const old = readRecord(before);
  const wasRun = new Set([...old, done]);
  const wanted = new Set(digests);
  return digests
    .map((digest, index) => {
      if (wasRun.has(digest)) return digest;
      const predecessor = old[index];
      return predecessor === undefined || wanted.has(predecessor) ? notRun : predecessor;
    })
    .join('.');
}

/**
 * The record that there is when a part of a plan was carried out.
 *
 * @param before - the line as it is; absent: the container is new.
 * @param actions - of the plan.
 * @returns the attribute `provision`; undefined: nothing was run.
 */
export function recordThen(
  before: Pick<Ownership, 'provision'> | undefined,
  actions: readonly { readonly inside?: InsideWork }[],
): string | undefined {
  const works = actions.flatMap(({ inside }) => (inside?.kind === 'provision' ? [inside] : []));
  return works.reduce(
    (record, { digests, digest }) =>
      recordAfter(record === undefined ? {} : { provision: record }, digests, digest),
    before?.provision,
  );
}

/** A step that is to be run. */
export interface DueStep {
  readonly step: ProvisionStep;
  /** From 1. */
  readonly position: number;
  readonly digest: string;
  /** `changed`: another one was run in its place; `new`: others were run, `first`: none was. */
  readonly why: 'first' | 'new' | 'changed';
}

/**
 * Finds the steps that are not recorded.
 *
 * @param steps - of the file.
 * @param ownership - line of the container.
 * @returns those to be run, in order.
 */
export function dueSteps(
  steps: readonly ProvisionStep[],
  ownership: Pick<Ownership, 'provision'> | undefined,
): DueStep[] {
  const record = readRecord(ownership);
  const wasRun = new Set(record);
  const digests = stepDigests(steps);
  return steps.flatMap((step, index) => {
    const digest = digests[index] as string;
    if (wasRun.has(digest)) return [];
    const predecessor = record[index];
    const isChanged = predecessor !== undefined && !digests.includes(predecessor);
    return [
      { step, position: index + 1, digest, why: isChanged ? 'changed' : record.length > 0 ? 'new' : 'first' },
    ];
  });
}

const firstLine = (script: string): string =>
  script
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !line.startsWith('#')) ?? script.trim();

/**
 * What a step does, on one line.
 *
 * @returns for example `packages nginx, curl` or `run systemctl enable --now nginx`.
 */
export function describeStep(step: ProvisionStep): string {
  if (step.name !== undefined) return step.name;
  switch (step.kind) {
    case 'run':
      return `run ${firstLine(step.script)}`;
    case 'copy':
      return `copy ${step.from} to ${step.to}`;
    case 'packages':
      return `packages ${step.packages.join(', ')}`;
    case 'service': {
      const words = [
        ...(step.enabled === undefined ? [] : [step.enabled ? 'enabled' : 'disabled']),
        ...(step.state === undefined ? [] : [step.state]),
      ];
      return `service ${step.service} ${words.join(' and ')}`;
    }
  }
}

/** What a check waits for, in a few words: `port 80`. */
export function describeCheck(check: ReadyCheck): string {
  switch (check.kind) {
    case 'command':
      return firstLine(check.command);
    case 'port':
      return `port ${check.port}`;
    case 'file':
      return check.path;
    case 'address':
      return `address of ${check.interface}`;
  }
}

/** What an action does inside, on one line: `2 of 4: run make install`. */
export function describeWork(work: InsideWork): string {
  if (work.kind === 'ready') return work.checks.map(describeCheck).join(', ');
  return `${work.position} of ${work.of}: ${describeStep(work.step)}`;
}

/** Whether a check can only be made inside the container. */
export const isInside = (check: ReadyCheck): boolean => check.kind !== 'address';
