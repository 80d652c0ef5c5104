/** How refusals are worded: `key: what is wrong`, and what the reader can do about it. */
import type { ContainerKey, Vmid } from './desired.ts';
import type { FieldChange, Refusal } from './plan.ts';

/** What a refusal says. */
export interface RefusalText {
  readonly code: string;
  /** Without the key. */
  readonly message: string;
  readonly hint?: string;
  readonly needs?: Refusal['needs'];
  readonly changes?: readonly FieldChange[];
}

/**
 * Builds a refusal.
 *
 * @param about - the container; `vmid` where it is known.
 * @param text - code, message, hint, what would lift it and the changes it is about.
 * @returns the refusal.
 */
export function refusal(
  about: { readonly key: ContainerKey; readonly vmid?: Vmid | undefined },
  text: RefusalText,
): Refusal {
  return {
    key: about.key,
    ...(about.vmid === undefined ? {} : { vmid: about.vmid }),
    ...(text.needs === undefined ? {} : { needs: text.needs }),
    code: text.code,
    message: `${about.key}: ${text.message}`,
    ...(text.hint === undefined ? {} : { hint: text.hint }),
    changes: text.changes ?? [],
  };
}
