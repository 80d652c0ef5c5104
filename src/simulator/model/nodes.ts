/** Nodes: which one a request names, and what they use of their memory and processors. Changes nothing. */
import { die, type HandlerContext } from '../context.ts';
import type { SimNode, SimState } from './state.ts';

/**
 * The node that answers requests: the first of the state.
 *
 * @param state - cluster.
 */
export function localNode(state: SimState): SimNode {
  return Object.values(state.nodes)[0] ?? die('no such cluster node');
}

/**
 * Finds a node by name; `localhost` is the answering one.
 *
 * @param state - cluster.
 * @param name - node name as it was sent.
 * @throws SimError 500 for a name that is of no node: the server tries to resolve it as a host name.
 */
export function findNode(state: SimState, name: string): SimNode {
  if (name === 'localhost') return localNode(state);
  const node = Object.hasOwn(state.nodes, name) ? state.nodes[name] : undefined;
  return (
    node ??
    die(
      `hostname lookup '${name}' failed - failed to get address info for: ${name}: Name or service not known`,
    )
  );
}

/**
 * The node of the request's path.
 *
 * @param context - request with a `node` parameter.
 */
export function nodeOf(context: HandlerContext): SimNode {
  return findNode(context.state, context.text('node') ?? 'localhost');
}
