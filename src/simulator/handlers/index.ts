/**
 * All handlers in one table. Two handlers for one operation, or a handler for an operation that the API does not have,
 * are mistakes that must show at once.
 */
import { loadSchema } from '../../schema/load.ts';
import type { Operation } from '../../schema/types.ts';
import { InternalError } from '../../util/errors.ts';
import type { Handler, HandlerTable } from '../context.ts';
import { childrenOf } from '../route.ts';
import { accessHandlers } from './access.ts';
import { backupHandlers } from './backup.ts';
import { backupVolumesHandlers } from './backup-volumes.ts';
import { clusterHandlers } from './cluster.ts';
import { contentHandlers } from './content.ts';
import { firewallHandlers } from './firewall.ts';
import { haHandlers } from './ha.ts';
import { haMoveHandlers } from './ha-move.ts';
import { haRulesHandlers } from './ha-rules.ts';
import { lxcCloneHandlers } from './lxc-clone.ts';
import { lxcConfigHandlers } from './lxc-config.ts';
import { lxcConsoleHandlers } from './lxc-console.ts';
import { lxcCreateHandlers } from './lxc-create.ts';
import { lxcDestroyHandlers } from './lxc-destroy.ts';
import { lxcGraphicsHandlers } from './lxc-graphics.ts';
import { lxcMigrateHandlers } from './lxc-migrate.ts';
import { lxcReadHandlers } from './lxc-read.ts';
import { lxcRemoteMigrateHandlers } from './lxc-remote-migrate.ts';
import { lxcResizeHandlers } from './lxc-resize.ts';
import { lxcSnapshotHandlers } from './lxc-snapshot.ts';
import { lxcStatusHandlers } from './lxc-status.ts';
import { lxcTemplateHandlers } from './lxc-template.ts';
import { lxcVolumesHandlers } from './lxc-volumes.ts';
import { networkHandlers } from './network.ts';
import { nodesHandlers } from './nodes.ts';
import { poolsHandlers } from './pools.ts';
import { replicationHandlers } from './replication.ts';
import { storageHandlers } from './storage.ts';
import { tasksHandlers } from './tasks.ts';
import { templatesHandlers } from './templates.ts';

const tables: readonly HandlerTable[] = [
  accessHandlers,
  backupHandlers,
  backupVolumesHandlers,
  clusterHandlers,
  contentHandlers,
  firewallHandlers,
  haHandlers,
  haMoveHandlers,
  haRulesHandlers,
  lxcCloneHandlers,
  lxcConfigHandlers,
  lxcConsoleHandlers,
  lxcCreateHandlers,
  lxcDestroyHandlers,
  lxcGraphicsHandlers,
  lxcMigrateHandlers,
  lxcReadHandlers,
  lxcRemoteMigrateHandlers,
  lxcResizeHandlers,
  lxcSnapshotHandlers,
  lxcStatusHandlers,
  lxcTemplateHandlers,
  lxcVolumesHandlers,
  networkHandlers,
  nodesHandlers,
  poolsHandlers,
  replicationHandlers,
  storageHandlers,
  tasksHandlers,
  templatesHandlers,
];

/** The root lists the API's parts; it stands in no table because the schema begins below it. */
const rootIndex: Handler = () => childrenOf('/').map((subdir) => ({ subdir }));

/** Key of a directory listing's rows, if the operation is nothing but one. */
function directoryKey({ method, returns }: Operation): string | undefined {
  const keys = Object.keys(returns.items?.properties ?? {});
  const [key] = keys;
  const isDirectory = method === 'GET' && returns.type === 'array' && keys.length === 1;
  return isDirectory && (key === 'subdir' || key === 'name') ? key : undefined;
}

/**
 * Merges the tables and adds the directory listings of the schema that nobody wrote by hand.
 *
 * @param list - tables to merge; the simulator's own by default.
 * @returns one table.
 * @throws InternalError when two tables have the same key, or a key is not in the schema.
 */
export function mergeHandlers(list: readonly HandlerTable[] = tables): HandlerTable {
  const { operations } = loadSchema();
  const merged: Record<string, Handler> = { 'GET /': rootIndex };
  for (const [key, handler] of list.flatMap((table) => Object.entries(table))) {
    if (!Object.hasOwn(operations, key))
      throw new InternalError(`handler for '${key}', which the API does not have`);
    if (Object.hasOwn(merged, key)) throw new InternalError(`two handlers for '${key}'`);
    merged[key] = handler;
  }
  for (const [key, operation] of Object.entries(operations)) {
    const rowKey = directoryKey(operation);
    const children = rowKey === undefined ? [] : childrenOf(operation.path);
    if (rowKey === undefined || children.length === 0 || Object.hasOwn(merged, key)) continue;
    merged[key] = () => children.map((name) => ({ [rowKey]: name }));
  }
  return merged;
}
