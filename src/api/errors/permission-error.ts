/** The account is known, but may not do this. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** 403; names the privilege and the ACL path where the server tells them. */
export class PvePermissionError extends PveError {
  override readonly code = 'PVE_PERMISSION';
  /** Privileges of which one is needed. */
  readonly privileges?: readonly string[];
  /** ACL path, for example `/vms/100`. */
  readonly object?: string;

  constructor(
    options: PveErrorOptions & {
      readonly privileges?: readonly string[] | undefined;
      readonly object?: string | undefined;
    },
  ) {
    const { privileges, object } = options;
    super({
      ...options,
      details: { ...(privileges ? { privileges } : {}), ...(object ? { object } : {}), ...options.details },
    });
    if (privileges) this.privileges = privileges;
    if (object) this.object = object;
  }
}
