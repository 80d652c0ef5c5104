/** What an account may do, as GET /access/permissions tells it, and how to read it. Pure. */
import { decodeBoolean } from '../codec/scalar.ts';

/** GET /access/permissions: ACL path → privilege → whether it holds for what is below. */
export type PermissionTree = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
// a bridge of any zone
const anyZone = '/sdn/zones/*/';

function privilegesAt(tree: PermissionTree, path: string, below: string): ReadonlySet<string> {
  for (let at = below; ; at = parentOf(at)) {
    const held = Object.entries(tree[at] ?? {})
      .filter(([, propagates]) => at === path || decodeBoolean(propagates))
      .map(([name]) => name);
    // PVE: an entry that does not propagate is no entry for what lies below it
    if (held.length > 0) return new Set(held);
    if (at === '/') return new Set();
  }
}

/**
 * Privileges that hold on a path. The tree has the paths that an ACL or a pool names; below them the privileges that
 * propagate hold.
 *
 * PVE leaves out paths on which nothing is allowed, so that a `NoAccess` deep in the tree cannot be seen here.
 *
 * @param tree - of the account.
 * @param path - ACL path; a zone `*` stands for any, for a bridge whose zone is not known.
 * @param options.inherited - what will hold when the entries of the path itself are gone, as after a destruction.
 * @returns names of privileges.
 */
export function privilegesOn(
  tree: PermissionTree,
  path: string,
  options: { readonly inherited?: boolean } = {},
): ReadonlySet<string> {
  if (path.startsWith(anyZone)) {
    const zones = Object.keys(tree).flatMap((known) => /^\/sdn\/zones\/([^/]+)/.exec(known)?.[1] ?? []);
    const paths = [...new Set(zones)].map((zone) => `/sdn/zones/${zone}/${path.slice(anyZone.length)}`);
    return new Set(paths.flatMap((one) => [...privilegesAt(tree, one, one)]));
  }
  return privilegesAt(tree, path, options.inherited ? parentOf(path) : path);
}
