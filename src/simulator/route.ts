/**
 * Finds the operation of a path: a tree over the path templates of the schema, built once. Literal segments beat
 * parameters; `{volume}` and `{cidr}` at the end take the rest of the path, because volume ids and networks contain slashes.
 */
import { loadSchema } from '../schema/load.ts';
import { pathParameters } from '../schema/route.ts';
import type { Operation } from '../schema/types.ts';

interface RouteNode {
  readonly literals: Map<string, RouteNode>;
  parameter?: RouteNode;
  takesRest: boolean;
  readonly operations: Map<string, RouteEntry>;
}

interface RouteEntry {
  readonly operation: Operation;
  /** Names of its path parameters, in order. */
  readonly names: readonly string[];
}

export interface RouteMatch {
  readonly operation: Operation;
  readonly pathParams: Readonly<Record<string, string>>;
}

const newNode = (): RouteNode => ({ literals: new Map(), takesRest: false, operations: new Map() });

/** The API's root; the schema begins below it. */
const rootOperation: Operation = {
  method: 'GET',
  path: '/',
  name: 'index',
  tokenAllowed: true,
  permissions: { user: 'all' },
  parameters: { properties: {}, additionalProperties: false },
  returns: { type: 'array' },
};

/** Path parameters that take everything that follows. */
const restParameters: ReadonlySet<string> = new Set(['{volume}', '{cidr}']);

let tree: RouteNode | undefined;

function buildTree(): RouteNode {
  const root = newNode();
  root.operations.set('GET', { operation: rootOperation, names: [] });
  for (const operation of Object.values(loadSchema().operations)) {
    let node = root;
    for (const segment of operation.path.split('/').slice(1)) {
      if (segment.startsWith('{')) {
        node.parameter ??= newNode();
        node = node.parameter;
        if (restParameters.has(segment)) node.takesRest = true;
      } else {
        const next = node.literals.get(segment) ?? newNode();
        node.literals.set(segment, next);
        node = next;
      }
    }
    node.operations.set(operation.method, { operation, names: pathParameters(operation.path) });
  }
  return root;
}

/**
 * Finds an operation.
 *
 * @param method - HTTP verb.
 * @param segments - decoded path segments without empty ones.
 * @returns the operation and its path parameters, or `undefined` when the API has none.
 */
export function findRoute(method: string, segments: readonly string[]): RouteMatch | undefined {
  tree ??= buildTree();
  let node = tree;
  const values: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const literal = node.literals.get(segment);
    if (literal) {
      node = literal;
      continue;
    }
    if (!node.parameter) return undefined;
    node = node.parameter;
    if (node.takesRest) {
      values.push(segments.slice(index).join('/'));
      break;
    }
    values.push(segment);
  }
  const entry = node.operations.get(method);
  if (!entry) return undefined;
  const pathParams: Record<string, string> = {};
  for (const [index, name] of entry.names.entries()) pathParams[name] = values[index] as string;
  return { operation: entry.operation, pathParams };
}

/**
 * Names the literal parts below a path template, as the server's directory listings do.
 *
 * @param template - path template.
 * @returns names in the schema's order.
 */
export function childrenOf(template: string): string[] {
  tree ??= buildTree();
  let node: RouteNode | undefined = tree;
  for (const segment of template.split('/').filter((part) => part !== '')) {
    node = segment.startsWith('{') ? node?.parameter : node?.literals.get(segment);
  }
  return [...(node?.literals.keys() ?? [])];
}
