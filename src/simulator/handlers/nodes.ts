/** Nodes: list, state, time, name servers, services, certificates and other facts (contract lxc-endpoints §J). */
import { createHash } from 'node:crypto';
import type { HandlerContext, HandlerTable } from '../context.ts';
import { localNode, nodeOf } from '../model/nodes.ts';
import { allGuests, machineStats, nodeRow, nodeUsage } from '../model/resources.ts';
import { rrdTimes } from '../model/rrd.ts';
import type { SimNode } from '../model/state.ts';
import { bulkNodeHandlers } from './bulk.ts';
import { directory } from './directory.ts';

const kernel = { release: '6.17.9-1-pve', version: '#1 SMP PREEMPT_DYNAMIC PMX 6.17.9-1' };
const daySeconds = 86_400;

function list(context: HandlerContext): unknown {
  const { state } = context;
  return Object.values(state.nodes).map((node) => ({
    ...nodeRow(state, node, context.clock.now(), context.has(`/nodes/${node.name}`, ['Sys.Audit'])),
    ssl_fingerprint: node.sslFingerprint,
  }));
}

function status(context: HandlerContext): unknown {
  const { state } = context;
  const node = nodeOf(context);
  const { cpu, memoryBytes, rootUsedBytes, uptimeSeconds } = nodeUsage(state, node, context.clock.now());
  const used = Math.round(memoryBytes);
  const load = (weight: number): string => (cpu * node.maxCpu * weight).toFixed(2);
  return {
    uptime: uptimeSeconds,
    cpu,
    wait: 0,
    idle: 0,
    loadavg: [load(1), load(0.9), load(0.8)],
    memory: {
      total: node.memoryBytes,
      used,
      free: node.memoryBytes - used,
      available: node.memoryBytes - used,
    },
    swap: { total: node.swapBytes, used: 0, free: node.swapBytes },
    rootfs: {
      total: node.rootBytes,
      used: rootUsedBytes,
      free: node.rootBytes - rootUsedBytes,
      avail: node.rootBytes - rootUsedBytes,
    },
    ksm: { shared: 0 },
    cpuinfo: {
      model: 'Simulated CPU',
      vendor: 'AuthenticAMD',
      sockets: 1,
      cores: node.maxCpu,
      cpus: node.maxCpu,
      mhz: '2400.000',
      hvm: '1',
      user_hz: 100,
      flags: 'fpu vme de pse tsc msr pae mce cx8 apic sep svm',
    },
    'current-kernel': { sysname: 'Linux', machine: 'x86_64', ...kernel },
    kversion: `Linux ${kernel.release} ${kernel.version}`,
    pveversion: `pve-manager/${state.version.version}/${state.version.repoid}`,
    'boot-info': { mode: 'efi', secureboot: 0 },
  };
}

function time(context: HandlerContext): unknown {
  const seconds = context.seconds();
  return { timezone: 'Etc/UTC', time: seconds, localtime: seconds };
}

function hostsText(context: HandlerContext): string {
  const { state } = context;
  const names = Object.values(state.nodes).map(
    (node) => `${node.ip} ${node.name}.example.test ${node.name}\n`,
  );
  return ['127.0.0.1 localhost\n', ...names].join('');
}

function hosts(context: HandlerContext): unknown {
  const data = hostsText(context);
  return { data, digest: createHash('sha1').update(data).digest('hex') };
}

/** Daemons of a node; those of a cluster are idle on a single node. */
const services: readonly (readonly [name: string, needsCluster: boolean])[] = [
  ['chrony', false],
  ['corosync', true],
  ['cron', false],
  ['ksmtuned', false],
  ['lxcfs', false],
  ['postfix', false],
  ['proxmox-firewall', false],
  ['pve-cluster', false],
  ['pve-firewall', false],
  ['pve-ha-crm', false],
  ['pve-ha-lrm', false],
  ['pvedaemon', false],
  ['pvefw-logger', false],
  ['pveproxy', false],
  ['pvescheduler', false],
  ['pvestatd', false],
  ['spiceproxy', false],
  ['sshd', false],
];

function serviceRow(context: HandlerContext, name: string, needsCluster: boolean): Record<string, unknown> {
  const runs = !needsCluster || context.state.clusterName !== null;
  return {
    service: name,
    name,
    desc: name,
    state: runs ? 'running' : 'dead',
    'active-state': runs ? 'active' : 'inactive',
    'unit-state': 'enabled',
  };
}

function serviceState(context: HandlerContext): unknown {
  const name = context.text('service') ?? '';
  const needsCluster = services.find(([other]) => other === name)?.[1] ?? false;
  return serviceRow(context, name, needsCluster);
}

/** The node's certificate and that of the cluster which signed it. */
function certificates(context: HandlerContext): unknown {
  const node = nodeOf(context);
  const issuer = '/CN=Proxmox Virtual Environment/OU=simulated/O=PVE Cluster Manager CA';
  const from = Math.floor(node.bootedAtMs / 1000) - 30 * daySeconds;
  const ca = createHash('sha256').update(`${context.state.secret} ca`).digest('hex').toUpperCase();
  const key = { 'public-key-type': 'rsaEncryption', 'public-key-bits': 2048 };
  return [
    {
      filename: 'pve-root-ca.pem',
      subject: issuer,
      issuer,
      fingerprint: ca.match(/../g)?.join(':') ?? '',
      notbefore: from,
      notafter: from + 3650 * daySeconds,
      san: [],
      ...key,
      'public-key-bits': 4096,
    },
    {
      filename: 'pve-ssl.pem',
      subject: `/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN=${node.name}.example.test`,
      issuer,
      fingerprint: node.sslFingerprint,
      notbefore: from,
      notafter: from + 730 * daySeconds,
      san: ['127.0.0.1', '0000:0000:0000:0000:0000:0000:0000:0001', 'localhost', node.ip, node.name],
      ...key,
    },
  ];
}

function subscription(context: HandlerContext): unknown {
  const serverid = createHash('md5').update(nodeOf(context).name).digest('hex').toUpperCase();
  return {
    status: 'notfound',
    message: 'There is no subscription key',
    serverid,
    url: 'https://www.proxmox.com/en/proxmox-virtual-environment/pricing',
  };
}

function machines(context: HandlerContext): unknown {
  const node = nodeOf(context).name;
  return allGuests(context.state)
    .flatMap((guest) => (guest.type === 'qemu' && guest.node === node ? [guest.vm] : []))
    .filter((vm) => context.has(`/vms/${vm.vmid}`, ['VM.Audit']))
    .map((vm) => {
      const { maxcpu, template, ...stats } = machineStats(vm);
      return { vmid: vm.vmid, ...stats, cpus: maxcpu, ...(template === 1 ? { template } : {}) };
    });
}

/** Samples since the boot; before that there is only the time. */
function rrddata(context: HandlerContext): unknown {
  const { state } = context;
  const node: SimNode = nodeOf(context);
  const usage = nodeUsage(state, node, context.clock.now());
  const sample = {
    cpu: usage.cpu,
    maxcpu: node.maxCpu,
    memused: Math.round(usage.memoryBytes),
    memtotal: node.memoryBytes,
    swapused: 0,
    swaptotal: node.swapBytes,
    rootused: usage.rootUsedBytes,
    roottotal: node.rootBytes,
    loadavg: usage.cpu * node.maxCpu,
    iowait: 0,
    netin: 0,
    netout: 0,
  };
  return rrdTimes(context.text('timeframe') ?? 'hour', context.seconds()).map((at) =>
    at * 1000 < node.bootedAtMs ? { time: at } : { time: at, ...sample },
  );
}

function emptyLog(context: HandlerContext): unknown {
  context.extra('total', 1);
  return [{ n: 1, t: '-- No entries --' }];
}

export const nodesHandlers: HandlerTable = {
  'GET /nodes': list,
  'GET /nodes/{node}': directory('/nodes/{node}'),
  'GET /nodes/{node}/certificates': directory('/nodes/{node}/certificates'),
  'GET /nodes/{node}/status': status,
  'GET /nodes/{node}/version': (context) => ({ ...context.state.version }),
  'GET /nodes/{node}/time': time,
  'GET /nodes/{node}/dns': (context) => ({ dns1: localNode(context.state).ip, search: 'example.test' }),
  'GET /nodes/{node}/hosts': hosts,
  'GET /nodes/{node}/config': () => ({}),
  'GET /nodes/{node}/netstat': () => [],
  'GET /nodes/{node}/syslog': emptyLog,
  'GET /nodes/{node}/services': (context) =>
    services.map(([name, needsCluster]) => serviceRow(context, name, needsCluster)),
  'GET /nodes/{node}/services/{service}/state': serviceState,
  'GET /nodes/{node}/certificates/info': certificates,
  'GET /nodes/{node}/subscription': subscription,
  'GET /nodes/{node}/qemu': machines,
  'GET /nodes/{node}/rrddata': rrddata,
  ...bulkNodeHandlers,
};
