/** One API request as data: what a plan holds, what the client sends, what `api explain` describes. */
import type { HttpMethod } from './types.ts';

/** Stands for a secret that is looked up only when the request is sent, for example `env:STUDENT_PASSWORD`. */
export interface SecretPlaceholder {
  readonly $secret: string;
}

/** A parameter value before form encoding; booleans become 0/1, lists repeat their key. */
export type WireValue = string | number | boolean | readonly string[];

/** A request: verb, path template and one flat set of parameters (path, query and body together, as the schema has them). */
export interface ApiRequest {
  readonly method: HttpMethod;
  /** Path template, for example `/nodes/{node}/lxc/{vmid}/config`. */
  readonly path: string;
  readonly params: Readonly<Record<string, WireValue | SecretPlaceholder>>;
  /** A file of this machine that is sent as the last part of a multipart body; its name there is the parameter `filename`. */
  readonly upload?: { readonly path: string; readonly sizeBytes?: number };
}
