/**
 * Opening consoles (pve-container API2/LXC.pm termproxy, vncwebsocket): tickets, ports and the task that waits
 * for a connection. Nothing ever connects: the simulated containers have no terminals.
 */
import { die, type HandlerContext, type HandlerTable, SimError } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimContainer } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { isVncTicketOf, makeVncTicket } from '../model/vnc-ticket.ts';
import { needContainer, vmidOf } from './lxc-common.ts';

const firstPort = 5900;
const lastPort = 5999;

/** What runs in the terminal, by the console mode that is in force. */
const commands: Readonly<Record<string, (vmid: number) => string>> = {
  tty: (vmid) => `lxc-console -n ${vmid} -e -1`,
  console: (vmid) => `lxc-console -n ${vmid} -t 0 -e -1`,
  shell: (vmid) => `lxc-attach --clear-env -n ${vmid}`,
};

/** The lowest port that no waiting console of the node has. */
function freePort(context: HandlerContext, node: string): number {
  const waiting = Object.values(context.state.tasks).filter(
    (task) => task.type === 'vncproxy' && task.node === node && task.status === 'running',
  );
  const port = firstPort + waiting.length;
  return port <= lastPort ? port : die('unable to find free port (5900-6000)');
}

/**
 * Starts the task that listens for ten seconds.
 *
 * @param program - what listens, with its arguments.
 * @returns UPID of a `vncproxy` task.
 */
export function listen(context: HandlerContext, container: SimContainer, program: string): string {
  const { vmid, node, config } = container;
  const command = (commands[config['cmode'] ?? 'tty'] ?? commands['tty'])?.(vmid);
  return context.fork('vncproxy', String(vmid), node, async (worker) => {
    await worker.sleep(durations.consoleWait);
    die(
      `command '${program} -- /usr/bin/dtach -A /var/run/dtach/vzctlconsole${vmid} -r winch -z ${command}' failed: exit code 1`,
    );
  });
}

/** Finds the container, which must be there, a free port, and makes the ticket for both. */
export function open(context: HandlerContext): { container: SimContainer; port: number; ticket: string } {
  const container = needContainer(context);
  const { authid } = context.auth;
  const path = `/vms/${container.vmid}`;
  const port = freePort(context, nodeOf(context).name);
  const ticket = makeVncTicket(context.state, { authid, path, port }, context.seconds());
  return { container, port, ticket };
}

function termProxy(context: HandlerContext): unknown {
  const { container, port, ticket } = open(context);
  const program = `/usr/bin/termproxy ${port} --path /vms/${container.vmid} --perm VM.Console --vncticket-endpoint --verify-port`;
  const upid = listen(context, container, program);
  return { user: context.auth.authid, ticket, port: String(port), upid };
}

function webSocket(context: HandlerContext): unknown {
  const port = context.number('port') ?? 0;
  // Tickets of vncproxy carry the password of the picture in front.
  const ticket = (context.text('vncticket') ?? '').replace(/^[^:]*:(?=PVEVNC:)/, '');
  const target = { authid: context.auth.authid, path: `/vms/${vmidOf(context)}`, port };
  if (!isVncTicketOf(context.state, ticket, target, context.seconds()))
    throw new SimError(401, 'permission denied - invalid PVEVNC ticket');
  return { port: String(port) };
}

export const lxcConsoleHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc/{vmid}/termproxy': termProxy,
  'GET /nodes/{node}/lxc/{vmid}/vncwebsocket': webSocket,
};
