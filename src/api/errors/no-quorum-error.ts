/** The cluster has lost its majority and is read-only. */
import { PveError } from './pve-error.ts';

/** Nothing can be changed until enough nodes are back; trying again does not help. */
export class PveNoQuorumError extends PveError {
  override readonly code = 'PVE_NO_QUORUM';
}
