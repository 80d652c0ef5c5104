/** Deterministic order of actions: dependencies first, ties broken by kind, node and key. Cycle search for dependencies. */
import { invariant } from '../util/assert.ts';
import { naturalCompare } from '../util/compare.ts';
import type { Action, ActionKind } from './plan.ts';

/** What comes first when nothing else decides: what frees names, addresses and space before what takes them. */
const ranks: Readonly<Record<ActionKind, number>> = {
  'role.create': 0,
  'role.update': 0,
  'pool.create': 0,
  'pool.update': 0,
  'user.create': 0,
  'user.update': 0,
  'user.password': 0,
  'acl.revoke': 1,
  'acl.grant': 10,
  'user.delete': 11,
  'pool.remove-member': 11,
  'pool.delete': 12,
  'role.delete': 12,
  'template.delete': 0,
  'template.download': 1,
  'template.upload': 1,
  'container.shutdown': 2,
  'container.stop': 3,
  'container.destroy': 4,
  'ha.remove': 2,
  'snapshot.delete': 4,
  'snapshot.rollback': 4,
  'snapshot.create': 4,
  'container.create': 5,
  'container.clone': 5,
  'container.restore': 5,
  'container.configure': 6,
  'container.move-volume': 7,
  'container.migrate': 7,
  'firewall.options': 7,
  'firewall.rule': 7,
  'access.acl': 5,
  'container.template': 8,
  'container.resize-disk': 7,
  'container.reboot': 8,
  'container.start': 9,
  'container.provision': 10,
  'container.ready': 11,
  'ha.add': 10,
  'ha.update': 10,
};

type Compare = (a: Action, b: Action) => number;

/** One container after the other, as far as dependencies let: few are in the middle of something at any time. */
const byContainer: Compare = (a, b) =>
  naturalCompare(a.target.key, b.target.key) || ranks[a.kind] - ranks[b.kind] || naturalCompare(a.id, b.id);

function byKind(a: Action, b: Action): number {
  return (
    ranks[a.kind] - ranks[b.kind] ||
    naturalCompare(a.target.node, b.target.node) ||
    naturalCompare(a.target.key, b.target.key) ||
    naturalCompare(a.id, b.id)
  );
}

/** A binary heap of numbers, smallest first. */
function createHeap(): { push(value: number): void; pop(): number | undefined } {
  const items: number[] = [];
  const swap = (a: number, b: number): void => {
    [items[a], items[b]] = [items[b] as number, items[a] as number];
  };
  const at = (index: number): number => items[index] ?? Number.POSITIVE_INFINITY;
  return {
    push: (value) => {
      items.push(value);
      for (let i = items.length - 1; i > 0 && at(i) < at((i - 1) >> 1); i = (i - 1) >> 1)
        swap(i, (i - 1) >> 1);
    },
    pop: () => {
      const top = items[0];
      const last = items.pop();
      if (items.length === 0 || last === undefined) return top;
      items[0] = last;
      for (let i = 0; ; ) {
        const child = at(2 * i + 1) < at(2 * i + 2) ? 2 * i + 1 : 2 * i + 2;
        if (at(child) >= at(i)) return top;
        swap(i, child);
        i = child;
      }
    },
  };
}

/**
 * Orders actions so that each comes after those it depends on.
 *
 * @param actions - actions with unique ids; `dependsOn` and `follows` name only actions among them.
 * @param ties - what decides where dependencies do not: what an action does, or which container it is about.
 * @returns the same actions; the order depends on nothing but their content.
 * @throws InternalError when ids repeat, a dependency is unknown, or there is a cycle.
 */
export function orderActions(actions: readonly Action[], ties: 'kind' | 'container' = 'kind'): Action[] {
  const sorted = [...actions].sort(ties === 'kind' ? byKind : byContainer);
  const before = ({ dependsOn, follows = [] }: Action): readonly string[] => [...dependsOn, ...follows];
  const indexOf = new Map(sorted.map((action, index) => [action.id, index]));
  invariant(indexOf.size === sorted.length, 'two actions of a plan have the same id');
  const waitsFor = sorted.map((action) => before(action).length);
  const followers: number[][] = sorted.map(() => []);
  sorted.forEach((action, index) => {
    for (const id of before(action)) {
      const earlier = indexOf.get(id);
      invariant(earlier !== undefined, `${action.id} depends on ${id}, which is not in the plan`);
      followers[earlier]?.push(index);
    }
  });
  const ready = createHeap();
  waitsFor.forEach((count, index) => {
    if (count === 0) ready.push(index);
  });
  const ordered: Action[] = [];
  for (let index = ready.pop(); index !== undefined; index = ready.pop()) {
    ordered.push(sorted[index] as Action);
    for (const follower of followers[index] as number[]) {
      waitsFor[follower] = (waitsFor[follower] as number) - 1;
      if (waitsFor[follower] === 0) ready.push(follower);
    }
  }
  invariant(ordered.length === sorted.length, 'the actions of a plan depend on each other in a circle');
  return ordered;
}

/**
 * Looks for a circle in a dependency graph.
 *
 * @param edges - for each name the names it depends on; unknown names are ignored.
 * @returns the names of one circle, in its order and starting with its first name in natural order, or undefined.
 */
export function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const state = new Map<string, 'open' | 'done'>();
  for (const start of [...edges.keys()].sort(naturalCompare)) {
    const path: { readonly name: string; readonly rest: string[] }[] = [];
    const enter = (name: string): void => {
      state.set(name, 'open');
      path.push({ name, rest: [...(edges.get(name) ?? [])].sort(naturalCompare).reverse() });
    };
    if (!state.has(start)) enter(start);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        state.set(top.name, 'done');
        path.pop();
      } else if (state.get(next) === 'open') {
        return path.slice(path.findIndex(({ name }) => name === next)).map(({ name }) => name);
      } else if (!state.has(next) && edges.has(next)) enter(next);
    }
  }
  return undefined;
}
