/** Paths of the API as people write them → templates of the schema. Offline. */
import { loadSchema } from '../schema/load.ts';
import type { HttpMethod } from '../schema/types.ts';
import { UsageError } from '../util/errors.ts';
import { suggest } from '../util/suggest.ts';

/** A path template and the values that stood in its places. */
export interface MatchedPath {
  readonly template: string;
  readonly params: Readonly<Record<string, string>>;
}

const order: readonly HttpMethod[] = ['GET', 'POST', 'PUT', 'DELETE'];

function templates(): string[] {
  return [...new Set(Object.values(loadSchema().operations).map((operation) => operation.path))];
}

/**
 * Lists the methods of a path.
 *
 * @param template - path template.
 * @returns methods that the API has there.
 */
export function methodsOf(template: string): HttpMethod[] {
  const { operations } = loadSchema();
  return order.filter((method) => Object.hasOwn(operations, `${method} ${template}`));
}

const isPlace = (segment: string | undefined): boolean => segment?.startsWith('{') === true;

/** Values by place, or undefined when the template does not fit. */
function bindPath(template: string, segments: readonly string[]): Record<string, string> | undefined {
  const parts = template.split('/').slice(1);
  // A volume id holds a slash (`local:vztmpl/x.tar.zst`); the server takes the rest of the path for it.
  const open = parts.at(-1) === '{volume}' && segments.length > parts.length;
  if (!open && parts.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const last = open && index === parts.length - 1;
    const segment = last ? segments.slice(index).join('/') : (segments[index] as string);
    if (isPlace(part)) {
      // A template that was copied from the documentation keeps its places; they are then given as parameters.
      if (segment !== part) params[part.slice(1, -1)] = decodeURIComponent(segment);
    } else if (part !== segment) return undefined;
  }
  return params;
}

/** The nearest template, comparing literal segments only. */
function nearest(path: string, segments: readonly string[]): string | undefined {
  const shape = (template: string): string =>
    template
      .split('/')
      .slice(1)
      .map((part, index) => (isPlace(part) ? (segments[index] ?? part) : part))
      .join('/');
  const byShape = new Map(templates().map((template) => [shape(template), template]));
  const near = suggest(path.replace(/^\//, ''), byShape.keys());
  return near === undefined ? undefined : byShape.get(near);
}

/** Templates one level below. */
function below(segments: readonly string[]): string[] {
  return templates().filter((template) => {
    const parts = template.split('/').slice(1);
    return (
      parts.length === segments.length + 1 &&
      segments.every((segment, index) => isPlace(parts[index]) || parts[index] === segment)
    );
  });
}

/**
 * Finds the template of a path.
 *
 * @param path - for example `/nodes/pve1/lxc/101/config`, or the template itself.
 * @returns the template and the values of its places.
 * @throws {@link UsageError} for a path that the API does not have, with a suggestion.
 */
export function matchPath(path: string): MatchedPath {
  const clean = path.replace(/^\/?(api2\/json)?\/*/, '/').replace(/\/+$/, '');
  const segments = clean
    .split('/')
    .slice(1)
    .filter((segment) => segment !== '');
  const matches = templates()
    .map((template) => ({ template, params: bindPath(template, segments) }))
    .filter((match): match is MatchedPath => match.params !== undefined)
    // Literal segments win over places, as on the server.
    .sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length);
  const [best] = matches;
  if (best) return best;
  const near = nearest(clean, segments);
  const children = below(segments);
  throw new UsageError(`the API has no path ${clean === '' ? '/' : clean}`, {
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : children.length > 0
          ? `below it are ${children.slice(0, 8).join(', ')}`
          : 'a path begins like /nodes, /cluster, /access, /storage or /pools',
  });
}
