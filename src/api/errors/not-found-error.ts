/** Something that the request names does not exist. */
import { PveError, type PveErrorOptions } from './pve-error.ts';

/** What is missing; look here before taking the error for "the container is gone". */
export type MissingThing =
  | 'container'
  | 'node'
  | 'storage'
  | 'volume'
  | 'snapshot'
  | 'task'
  | 'template'
  | 'pool'
  | 'user'
  | 'bridge'
  | 'other';

/** 404, or a 500 or 400 with one of the server's known texts. */
export class PveNotFoundError extends PveError {
  override readonly code = 'PVE_NOT_FOUND';
  readonly what: MissingThing;

  constructor(options: PveErrorOptions & { readonly what: MissingThing }) {
    super({ ...options, details: { what: options.what, ...options.details } });
    this.what = options.what;
  }
}
