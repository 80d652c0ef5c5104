/** Compares what the file asks for with what the cluster has; the proof after an apply. */

/** One field that is not as the file says. */
export interface Finding {
  readonly key: string;
  readonly vmid?: number;
  readonly node?: string;
  readonly field: string;
  readonly state: 'diverged' | 'pending' | 'missing' | 'unexpected' | 'unowned';
  readonly expected: unknown;
  readonly actual: unknown;
}

/** The document `pvefleet.verify/1`. */
export interface VerifyReport {
  readonly format: 'pvefleet.verify/1';
  readonly fleet: string;
  readonly converged: boolean;
  readonly containers: readonly {
    readonly key: string;
    readonly vmid?: number;
    readonly node?: string;
    readonly state: 'applied' | 'pending' | 'diverged' | 'missing';
  }[];
  readonly findings: readonly Finding[];
  readonly summary: {
    readonly applied: number;
    readonly pending: number;
    readonly diverged: number;
    readonly missing: number;
    readonly unexpected: number;
  };
}
