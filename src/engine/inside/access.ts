/** Password and SSH keys of a user in one container. */
import { authoriseKeys, type KeysResult, type readKeys, setPassword } from '../../console/access.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import type { EngineContext } from '../context.ts';
import { type InsideOptions, withShell } from './with-shell.ts';

/** What is to be set. */
export interface AccessRequest extends InsideOptions {
  readonly user: string;
  readonly password?: string;
  readonly keys?: ReturnType<typeof readKeys>['keys'];
}

/** The document `pvefleet.access/1`. Holds no secret. */
export interface AccessDocument {
  readonly format: 'pvefleet.access/1';
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly user: string;
  readonly passwordSet: boolean;
  readonly keys?: KeysResult;
}

/**
 * Sets them.
 *
 * @param context - client, clock, signals, events.
 * @param container - as it was observed just now.
 * @param request - user, password, keys.
 * @returns what was done.
 * @throws AccessError with what the container says, and errors of the console.
 */
export async function setAccess(
  context: EngineContext,
  container: ActualContainer,
  request: AccessRequest,
): Promise<AccessDocument> {
  const { vmid, node, name = `CT${vmid}` } = container;
  const { user, password, keys } = request;
  return withShell(context, container, request, async (shell) => {
    if (password !== undefined) await setPassword(shell, user, password);
    const result = keys && keys.length > 0 ? await authoriseKeys(shell, user, keys) : undefined;
    return {
      format: 'pvefleet.access/1',
      vmid,
      name,
      node,
      user,
      passwordSet: password !== undefined,
      ...(result ? { keys: result } : {}),
    };
  });
}
