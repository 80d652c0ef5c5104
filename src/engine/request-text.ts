/** Text parameters of a request. */
import type { ApiRequest } from '../schema/request.ts';

/**
 * Reads a parameter that is text.
 *
 * @returns the text, or undefined when it is absent or no text.
 */
export function requestText(request: ApiRequest, name: string): string | undefined {
  const value = request.params[name];
  return typeof value === 'string' ? value : undefined;
}
