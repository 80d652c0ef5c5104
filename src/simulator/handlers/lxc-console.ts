/**
 * Opening consoles (pve-container API2/LXC.pm termproxy, vncwebsocket): tickets, ports and the task that waits for a
 * connection. What happens on the connection is in ../console.
 */
import { modeOf, sessionCommand } from '../console/command.ts';
import { hasTicketEndpoint } from '../console/ticket-login.ts';
import { die, type HandlerContext, type HandlerTable, SimError } from '../context.ts';
import { localNode } from '../model/nodes.ts';
import type { SimContainer } from '../model/state.ts';
import { isVncTicketOf, makeVncTicket } from '../model/vnc-ticket.ts';
import { needContainer, vmidOf } from './lxc-common.ts';

/**
 * Starts the task of a program that is not simulated: it listens for ten seconds, and nobody can connect.
 *
 * @param program - what listens, with its arguments.
 * @returns UPID of a `vncproxy` task.
 */
export function listen(
  context: HandlerContext,
  container: SimContainer,
  port: number,
  program: string,
): string {
  const command = `${program} -- ${sessionCommand(context.state, container)}`;
  const { consoles } = context;
  return context.fork('vncproxy', String(container.vmid), localNode(context.state).name, async (worker) => {
    await consoles.hold(port, worker);
    die(`command '${command}' failed: exit code 1`);
  });
}

/** Finds the container, which must be there, a free port, and makes the ticket for both. */
export function open(context: HandlerContext): { container: SimContainer; port: number; ticket: string } {
  const container = needContainer(context);
  const { authid } = context.auth;
  const path = `/vms/${container.vmid}`;
  const { consoles, state } = context;
  const port = consoles.takePort();
  const ticket = makeVncTicket(state, { authid, path, port: consoles.ticketPort(port) }, consoles.seconds());
  return { container, port, ticket };
}

/** How termproxy asks the API about tickets; older ones know one way only. */
const endpointOptions = ' --vncticket-endpoint --verify-port';

function termProxy(context: HandlerContext): unknown {
  const { container, port, ticket } = open(context);
  const { state, consoles } = context;
  const { vmid } = container;
  const asks = hasTicketEndpoint(state) ? endpointOptions : '';
  const command = `/usr/bin/termproxy ${port} --path /vms/${vmid} --perm VM.Console${asks} -- ${sessionCommand(state, container)}`;
  const work = consoles.open({ vmid, port, mode: modeOf(container), command });
  // Not forwarded to the container's node: it listens where the request came in.
  const upid = context.fork('vncproxy', String(vmid), localNode(state).name, work);
  return { user: context.auth.authid, ticket, port: String(port), upid };
}

function webSocket(context: HandlerContext): unknown {
  const port = context.number('port') ?? 0;
  // Tickets of vncproxy carry the password of the picture in front.
  const ticket = (context.text('vncticket') ?? '').replace(/^[^:]*:(?=PVEVNC:)/, '');
  const { state, auth, consoles } = context;
  const target = { authid: auth.authid, path: `/vms/${vmidOf(context)}`, port: consoles.ticketPort(port) };
  if (!isVncTicketOf(state, ticket, target, consoles.seconds()))
    throw new SimError(401, 'permission denied - invalid PVEVNC ticket');
  return { port: String(port) };
}

export const lxcConsoleHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc/{vmid}/termproxy': termProxy,
  'GET /nodes/{node}/lxc/{vmid}/vncwebsocket': webSocket,
};
