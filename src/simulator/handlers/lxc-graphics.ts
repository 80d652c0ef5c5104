/**
 * Consoles as pictures (pve-container API2/LXC.pm vncproxy, spiceproxy; contract lxc-endpoints §G): tickets, ports and the
 * tasks that wait for a viewer. Nobody ever draws anything.
 */
import { createHash, createHmac } from 'node:crypto';
import type { HandlerContext, HandlerTable } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import { durations } from '../model/timing.ts';
import { needContainer } from './lxc-common.ts';
import { listen, open } from './lxc-console.ts';

const spicePort = 61_000;
const passwordLength = 8;
/** Characters of a one-time password that can be typed anywhere. */
const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

function password(context: HandlerContext): string {
  const letter = (): string => alphabet[Math.floor(context.random() * alphabet.length)] as string;
  return Array.from({ length: passwordLength }, letter).join('');
}

/** The certificate that a viewer shall trust: the server's own, of which the simulation knows the fingerprint. */
function certificateOf(context: HandlerContext): string {
  return nodeOf(context).sslFingerprint;
}

function vncProxy(context: HandlerContext): unknown {
  const { container, port, ticket } = open(context);
  const path = `/vms/${container.vmid}`;
  const websocket = context.flag('websocket') ?? false;
  const how = websocket ? '-notls -listen localhost ' : '';
  const program = `/usr/bin/vncterm -rfbport ${port} -timeout 10 -authpath ${path} -perm VM.Console ${how}-c`;
  const upid = listen(context, container, port, program.trimEnd());
  const secret = websocket ? password(context) : undefined;
  return {
    user: context.auth.authid,
    ticket: secret === undefined ? ticket : `${secret}:${ticket}`,
    port: String(port),
    upid,
    cert: certificateOf(context),
    ...(secret === undefined ? {} : { password: secret }),
  };
}

/** The file that a viewer is started with; its ticket is good for the proxy of the node alone. */
function spiceProxy(context: HandlerContext): unknown {
  const { vmid } = needContainer(context);
  const { name, ip } = nodeOf(context);
  const issued = context.seconds().toString(16).padStart(8, '0');
  const plain = `pvespiceproxy:${issued}:${vmid}:${name}:${spicePort}`;
  const sign = (text: string): string => createHmac('sha1', context.state.secret).update(text).digest('hex');
  context.fork('spiceproxy', String(vmid), name, (worker) => worker.sleep(durations.consoleWait));
  return {
    type: 'spice',
    title: `CT ${vmid}`,
    host: `${plain}::${sign(plain)}`,
    proxy: `http://${context.text('proxy') ?? ip}:3128`,
    'tls-port': spicePort,
    password: createHash('sha1').update(`${issued} ${context.random()}`).digest('hex'),
    'host-subject': `OU=PVE Cluster Node,O=Proxmox Virtual Environment,CN=${name}.example.test`,
    'secure-attention': 'Ctrl+Alt+Ins',
    'toggle-fullscreen': 'Shift+F11',
    'release-cursor': 'Ctrl+Alt+R',
    'delete-this-file': 1,
  };
}

export const lxcGraphicsHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc/{vmid}/vncproxy': vncProxy,
  'POST /nodes/{node}/lxc/{vmid}/spiceproxy': spiceProxy,
};
