/** Base of all errors about a request to Proxmox VE: what was to be done, and what the server said. */
import type { HttpMethod } from '../../schema/types.ts';
import { PvefleetError } from '../../util/errors.ts';

/** The request that an error is about; free of secrets. */
export interface RequestInfo {
  readonly method: HttpMethod;
  /** Path with its parameters filled in, without query. */
  readonly path: string;
  /** Verb and object, for example `create CT 101 on pve1` or `read /nodes/pve1/lxc`. */
  readonly doing: string;
}

/** What every error about a request is given. */
export interface PveErrorOptions {
  readonly request: RequestInfo;
  /** Why, in the server's words. */
  readonly reason: string;
  readonly status?: number | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Further particulars for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Base class; its message is `cannot ⟨verb⟩ ⟨object⟩: ⟨reason⟩`. */
export abstract class PveError extends PvefleetError {
  override readonly exitCode = 4;
  readonly method: HttpMethod;
  readonly path: string;
  readonly reason: string;
  /** HTTP status, when there was an answer. */
  readonly status?: number;

  constructor(options: PveErrorOptions) {
    const { request, reason, status, hint, cause, details } = options;
    super(`cannot ${request.doing}: ${reason}`, {
      hint,
      cause,
      details: {
        method: request.method,
        path: request.path,
        reason,
        ...(status === undefined ? {} : { status }),
        ...details,
      },
    });
    this.method = request.method;
    this.path = request.path;
    this.reason = reason;
    if (status !== undefined) this.status = status;
  }
}
