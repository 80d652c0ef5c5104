/** The server does not accept who we say we are. */
import { PveError } from './pve-error.ts';

/** 401: wrong token or password, expired, disabled, or a second factor that is missing or wrong. */
export class PveAuthError extends PveError {
  override readonly code = 'PVE_AUTH';
}
