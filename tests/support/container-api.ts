/**
 * What a manager of containers does not call, and why the simulator therefore only checks it (path, parameters, rights)
 * and then answers 501. Every operation without semantics must stand here; everything else is simulated.
 */

/** Operations that are left out. */
export interface LeftOut {
  /** Beginning of `METHOD /path`, or of the path alone; a `*` in place of the verb means all of them. */
  readonly operations: string;
  readonly reason: string;
}

const machines = 'virtual machines: another kind of guest; here they only take up ids';
const host = 'set-up of a host: done by its administrator, before there are containers';
const shell = 'a shell on the host itself';
const sdn = 'set-up of software-defined networks: containers name the bridges that come of it';
const picture = 'a picture that stays on the server: the numbers are in rrddata';
const login = 'logins of people by a foreign service';

export const leftOut: readonly LeftOut[] = [
  { operations: '* /nodes/{node}/qemu', reason: machines },
  { operations: '* /cluster/qemu', reason: machines },
  { operations: '* /nodes/{node}/capabilities', reason: machines },
  { operations: '* /cluster/mapping', reason: 'devices for virtual machines' },
  { operations: '* /nodes/{node}/hardware', reason: 'devices for virtual machines' },
  { operations: 'GET /nodes/{node}/storage/{storage}/import-metadata', reason: machines },
  {
    operations: '* /nodes/{node}/ceph',
    reason: 'a Ceph cluster: its storages are simulated, its daemons are not',
  },
  {
    operations: '* /cluster/ceph',
    reason: 'a Ceph cluster: its storages are simulated, its daemons are not',
  },
  { operations: '* /cluster/acme', reason: 'certificates of hosts' },
  { operations: '* /nodes/{node}/certificates/acme', reason: 'certificates of hosts' },
  { operations: '* /nodes/{node}/certificates/custom', reason: 'certificates of hosts' },
  { operations: '* /cluster/config', reason: 'joining nodes to a cluster' },
  { operations: '* /cluster/metrics', reason: 'metric servers: usage is in status, lists and rrddata' },
  { operations: '* /cluster/notifications', reason: 'mail and other messages to people' },
  { operations: '* /cluster/jobs/realm-sync', reason: login },
  { operations: 'GET /cluster/jobs/schedule-analyze', reason: 'arithmetic with calendars, for input fields' },
  { operations: 'POST /cluster/ha/status/', reason: 'maintenance of hosts: fencing switched on and off' },
  { operations: '* /cluster/sdn', reason: sdn },
  { operations: '* /nodes/{node}/sdn', reason: sdn },
  { operations: '* /nodes/{node}/apt', reason: host },
  { operations: '* /nodes/{node}/disks', reason: host },
  { operations: '* /nodes/{node}/scan', reason: host },
  { operations: '* /nodes/{node}/subscription', reason: host },
  { operations: '* /nodes/{node}/services/{service}/', reason: host },
  { operations: 'PUT /nodes/{node}/config', reason: host },
  { operations: 'PUT /nodes/{node}/dns', reason: host },
  { operations: 'PUT /nodes/{node}/time', reason: host },
  { operations: 'POST /nodes/{node}/hosts', reason: host },
  {
    operations: 'POST /nodes/{node}/status',
    reason: 'switching a host off; see faults for nodes that are lost',
  },
  { operations: 'POST /nodes/{node}/wakeonlan', reason: host },
  { operations: 'DELETE /nodes/{node}/network', reason: host },
  { operations: 'POST /nodes/{node}/network', reason: host },
  { operations: 'PUT /nodes/{node}/network', reason: host },
  { operations: 'GET /nodes/{node}/report', reason: host },
  { operations: 'GET /nodes/{node}/journal', reason: host },
  { operations: 'POST /nodes/{node}/execute', reason: 'several calls in one, for root@pam on the host' },
  { operations: 'POST /nodes/{node}/spiceshell', reason: shell },
  { operations: 'POST /nodes/{node}/termproxy', reason: shell },
  { operations: 'POST /nodes/{node}/vncshell', reason: shell },
  { operations: 'GET /nodes/{node}/vncwebsocket', reason: shell },
  { operations: 'GET /nodes/{node}/rrd', reason: picture },
  { operations: 'GET /nodes/{node}/lxc/{vmid}/rrd', reason: picture },
  { operations: 'GET /nodes/{node}/storage/{storage}/rrd', reason: picture },
  { operations: 'POST /nodes/{node}/lxc/{vmid}/mtunnel', reason: 'spoken between two clusters only' },
  { operations: 'GET /nodes/{node}/lxc/{vmid}/mtunnelwebsocket', reason: 'spoken between two clusters only' },
  {
    operations: 'POST /nodes/{node}/storage/{storage}/content/{volume}',
    reason: 'experimental on the server',
  },
  { operations: 'GET /nodes/{node}/storage/{storage}/identity', reason: 'spoken between storages' },
  { operations: 'GET /nodes/{node}/storage/{storage}/file-restore', reason: 'needs a backup server' },
  { operations: 'POST /access/domains/{realm}/sync', reason: login },
  { operations: 'POST /access/openid', reason: login },
  { operations: 'PUT /access/users/{userid}/unlock-tfa', reason: 'a person who is locked out' },
];

/**
 * Tells why an operation has no semantics.
 *
 * @param key - `METHOD /path/template`.
 * @returns the row of the table, or `undefined` when there is none.
 */
export function leftOutOf(key: string): LeftOut | undefined {
  const [, path = ''] = key.split(' ');
  return leftOut.find(({ operations }) => {
    const [verb, beginning = ''] = operations.split(' ');
    const isBelow =
      path === beginning || path.startsWith(beginning.endsWith('/') ? beginning : `${beginning}/`);
    return isBelow && (verb === '*' || key.startsWith(`${verb} `));
  });
}
