/** The request is right, but not in the present state of things. Nothing was changed. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** `lock-timeout`: somebody else held a file lock for too long; `locked`: the guest's config carries a lock. */
export type ConflictKind =
  | 'exists'
  | 'digest'
  | 'locked'
  | 'running'
  | 'not-running'
  | 'protected'
  | 'lock-timeout';

/** Already there, changed meanwhile, locked, in the wrong state, or protected. */
export class PveConflictError extends PveError {
  override readonly code = 'PVE_CONFLICT';
  readonly kind: ConflictKind;
  /** Name of the config lock, for kind `locked`: `backup`, `disk`, `create` … */
  readonly lock?: string;

  constructor(
    options: PveErrorOptions & { readonly kind: ConflictKind; readonly lock?: string | undefined },
  ) {
    const { kind, lock } = options;
    super({ ...options, details: { kind, ...(lock ? { lock } : {}), ...options.details } });
    this.kind = kind;
    if (lock) this.lock = lock;
  }
}
