/**
 * Evaluates the official `apidata.js` (an array literal assigned to a constant) and flattens its tree.
 * The text runs in a context without any globals and with a time limit; nothing of its prose leaves this folder.
 */
import { runInNewContext } from 'node:vm';

/** One method of the raw tree, as the file has it. */
export interface RawOperation {
  readonly method: string;
  readonly path: string;
  readonly info: Readonly<Record<string, unknown>>;
}

interface RawNode {
  readonly path: string;
  readonly info?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly children?: readonly RawNode[];
}

/**
 * Lists all operations of the file, in its own order.
 *
 * @param source - text of `apidata.js`.
 * @returns verb, path template and raw description of each operation.
 * @throws Error when the text does not define `apiSchema` as an array.
 */
export function readApidata(source: string): RawOperation[] {
  const text: unknown = runInNewContext(
    `${source}\n;JSON.stringify(apiSchema)`,
    Object.create(null) as object,
    {
      timeout: 10_000,
    },
  );
  const roots: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (!Array.isArray(roots)) throw new Error('apidata.js does not define the array apiSchema');
  const found: RawOperation[] = [];
  const visit = (node: RawNode): void => {
    for (const [method, info] of Object.entries(node.info ?? {}))
      found.push({ method, path: node.path, info });
    for (const child of node.children ?? []) visit(child);
  };
  for (const root of roots as RawNode[]) visit(root);
  return found;
}
