/** Path templates: their parameters, and filling them in. */
import { InternalError } from '../util/errors.ts';

/**
 * Names the parameters of a path template.
 *
 * @param template - for example `/nodes/{node}/lxc/{vmid}`.
 * @returns their names in order.
 */
export function pathParameters(template: string): string[] {
  return [...template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] as string);
}

/**
 * Fills a path template; each value is percent-encoded as one segment.
 *
 * @param template - path template.
 * @param params - parameters; those of the path are taken out.
 * @returns the path and the parameters that remain.
 * @throws {@link InternalError} when a path parameter is missing or empty.
 */
export function fillPath<V>(
  template: string,
  params: Readonly<Record<string, V>>,
): { path: string; rest: Record<string, V> } {
  const rest = { ...params };
  const path = template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const value = rest[name];
    delete rest[name];
    if (value === undefined || value === '') throw new InternalError(`no value for {${name}} of ${template}`);
    return encodeURIComponent(String(value));
  });
  return { path, rest };
}
