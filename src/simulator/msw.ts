/** The simulator as request handlers of MSW: one catch-all, because the routing is the simulator's own. */
import { type HttpHandler, HttpResponse, http } from 'msw';
import { ConnectionDropped } from './faults.ts';
import type { Simulator } from './index.ts';

/**
 * Makes the handlers for `setupServer`.
 *
 * @param simulator - who answers.
 * @returns one handler, for every path below `/api2/` on every host.
 */
export function createHandlers(simulator: Pick<Simulator, 'fetch'>): HttpHandler[] {
  return [
    http.all('*/api2/*', async ({ request }) => {
      try {
        return await simulator.fetch(request);
      } catch (error) {
        if (error instanceof ConnectionDropped) return HttpResponse.error();
        throw error;
      }
    }),
  ];
}
