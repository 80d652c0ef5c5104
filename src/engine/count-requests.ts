/** A client that counts what goes through it. */
import type { PveClient } from '../api/types.ts';

/** How many requests there were; retries of the client below are not seen. */
export interface RequestCounter {
  requests: number;
}

/**
 * Wraps a client.
 *
 * @param pve - the client that does the work.
 * @param counter - counted up with each request.
 * @returns a client with the same behaviour.
 */
export function countRequests(pve: PveClient, counter: RequestCounter): PveClient {
  const counted = <A extends unknown[], R>(call: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      counter.requests += 1;
      return call(...args);
    };
  };
  return {
    get: counted(pve.get as (...args: unknown[]) => unknown) as PveClient['get'],
    post: counted(pve.post as (...args: unknown[]) => unknown) as PveClient['post'],
    put: counted(pve.put as (...args: unknown[]) => unknown) as PveClient['put'],
    delete: counted(pve.delete as (...args: unknown[]) => unknown) as PveClient['delete'],
    request: counted((...args: Parameters<PveClient['request']>) => pve.request(...args)),
    atOneServer: (first, work, options) =>
      pve.atOneServer(
        first,
        (server) =>
          work({ ...server, request: counted(server.request), openWebsocket: counted(server.openWebsocket) }),
        options,
      ),
    tryPassword: counted((...args: Parameters<PveClient['tryPassword']>) => pve.tryPassword(...args)),
    waitTask: (...args) => pve.waitTask(...args),
    get url() {
      return pve.url;
    },
    close: () => pve.close(),
  };
}
