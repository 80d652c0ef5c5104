/** Saved plans: a JSON file of mode 0600, written atomically, whose id proves that nobody edited it. */
import type { Plan } from '../domain/plan.ts';
import { InternalError } from '../util/errors.ts';

/** Where a saved plan comes from; not part of its id. */
export interface PlanFileMeta {
  /** ISO 8601. */
  readonly createdAt: string;
  /** `pvefleet 0.1.0`. */
  readonly tool: string;
  /** URL of the cluster that was observed. */
  readonly endpoint: string;
  /** Path of the fleet file. */
  readonly source?: string;
}

/** The file `plan --save` writes, format `pvefleet.plan-file/1`. */
export interface PlanFile {
  readonly format: 'pvefleet.plan-file/1';
  readonly plan: Plan;
  readonly meta: PlanFileMeta;
}

/** Writes a plan; replaces an existing file only when the new one is complete. */
export async function writePlanFile(path: string, plan: Plan, meta: PlanFileMeta): Promise<void> {
  void [path, plan, meta];
  throw new InternalError('not written yet');
}

/** Reads a plan; a bare `pvefleet.plan/1` document (of `plan -o json`) is accepted as well. Throws UsageError. */
export async function readPlanFile(path: string): Promise<PlanFile> {
  void path;
  throw new InternalError('not written yet');
}
