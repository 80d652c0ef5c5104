/** Whoever answered does not speak the API of Proxmox VE. */
import { PveError } from './pve-error.ts';

/** No HTTP, no JSON, no `data`, or a redirection. */
export class PveProtocolError extends PveError {
  override readonly code = 'PVE_PROTOCOL';
}
