/** Directory listings of paths whose schema does not say that they are one. */
import type { Handler } from '../context.ts';
import { childrenOf } from '../route.ts';

/**
 * Lists what is below a path.
 *
 * @param path - path template.
 */
export function directory(path: string): Handler {
  return () => childrenOf(path).map((name) => ({ name }));
}
