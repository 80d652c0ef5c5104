/**
 * Saved plans: a JSON file of mode 0600, written atomically, whose id proves that nobody edited it. It holds no time: the
 * same file, cluster and policy give the same bytes.
 */

import { readFile } from 'node:fs/promises';
import type { Plan } from '../domain/plan.ts';
import { canonicalJson, digestOf } from '../util/canonical-json.ts';
import { messageOf, UsageError } from '../util/errors.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import { PlanRefusedError } from './errors.ts';
import { replaceFile } from './replace-file.ts';

/** Where a saved plan comes from; not part of its id. */
export interface PlanFileMeta {
  /** `pvefleet 0.1.0`. */
  readonly tool: string;
  /** URL of the cluster that was observed. */
  readonly endpoint: string;
  /** Nodes of that cluster and the fingerprints of their certificates. */
  readonly cluster?: ClusterIdentity;
  /** Path of the fleet file. */
  readonly source?: string;
}

/** The file that `plan --save` writes. */
export interface PlanFile {
  readonly format: 'pvefleet.plan-file/1';
  readonly plan: Plan;
  readonly meta: PlanFileMeta;
}

/**
 * Writes a plan; replaces an existing file only when the new one is complete.
 *
 * @param path - where to.
 * @param plan - the plan; holds secret references, never secrets.
 * @param meta - where it comes from.
 * @throws UsageError when the file cannot be written.
 */
export async function writePlanFile(path: string, plan: Plan, meta: PlanFileMeta): Promise<void> {
  const file: PlanFile = { format: 'pvefleet.plan-file/1', plan, meta };
  try {
    await replaceFile(path, `${canonicalJson(file, 2)}\n`, 0o600);
  } catch (cause) {
    throw new UsageError(`cannot write the plan to ${path}: ${messageOf(cause)}`, {
      code: 'PLAN_FILE_UNWRITABLE',
      cause,
    });
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPlan(value: unknown): value is Plan {
  return (
    isRecord(value) &&
    value['format'] === 'pvefleet.plan/1' &&
    typeof value['fleet'] === 'string' &&
    typeof value['id'] === 'string' &&
    ['actions', 'inSync', 'refusals', 'notices'].every((name) => Array.isArray(value[name]))
  );
}

function isIdentity(value: unknown): value is ClusterIdentity {
  return isRecord(value) && Object.values(value).every((one) => typeof one === 'string');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * Reads a plan.
 *
 * @param path - a file of {@link writePlanFile}, or a bare `pvefleet.plan/1` document as `plan -o json` prints it.
 * @returns the plan and where it comes from.
 * @throws UsageError when there is no such file or it holds no plan; PlanRefusedError when it was edited.
 */
export async function readPlanFile(path: string): Promise<PlanFile> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(`cannot read the plan ${path}: ${messageOf(cause)}`, {
      code: 'PLAN_FILE_UNREADABLE',
      hint: 'make one with: pvefleet plan -f FILE --save plan.json',
      cause,
    });
  }
  const isFile = isRecord(document) && document['format'] === 'pvefleet.plan-file/1';
  const plan = isFile && isRecord(document) ? document['plan'] : document;
  if (!isPlan(plan)) {
    throw new UsageError(`${path} is no saved plan`, {
      code: 'PLAN_FILE_INVALID',
      hint: 'make one with: pvefleet plan -f FILE --save plan.json',
    });
  }
  const { id, ...rest } = plan;
  if (digestOf(rest) !== id) {
    throw new PlanRefusedError({
      fleet: plan.fleet,
      message: `${path} is refused: its content does not match its id, so it was edited after planning`,
      hint: 'make a new plan',
    });
  }
  const meta = isFile && isRecord(document) && isRecord(document['meta']) ? document['meta'] : {};
  return {
    format: 'pvefleet.plan-file/1',
    plan,
    meta: {
      tool: textOf(meta['tool']),
      endpoint: textOf(meta['endpoint']),
      ...(isIdentity(meta['cluster']) ? { cluster: meta['cluster'] } : {}),
      ...(typeof meta['source'] === 'string' ? { source: meta['source'] } : {}),
    },
  };
}
