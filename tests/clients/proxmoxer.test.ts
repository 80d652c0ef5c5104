/** proxmoxer, the Python client: a container's whole life over HTTPS, with a ticket and with a token. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMissing, runClient, type Served, serveCluster } from './served.ts';

const python = '/usr/bin/python3';
const missing = await isMissing('python3-proxmoxer', python, ['-c', 'import proxmoxer, requests']);

interface Seen {
  readonly tasks: readonly (readonly [string, string])[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

describe.skipIf(missing)('proxmoxer', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveCluster('cluster');
  });
  afterAll(() => served.close());

  const live = async (node: string, vmid: number, credentials: Record<string, string>): Promise<Seen> => {
    const template = served.sim.state.catalogue.find((entry) => entry.package === 'debian-13-standard');
    const args = ['proxmoxer_lifecycle.py', served.authority, node, String(vmid), template?.template ?? ''];
    const run = await runClient(python, args, {
      PVE_CA_FILE: served.caFile,
      PVE_FOLDER: served.folder,
      ...credentials,
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    return JSON.parse(run.stdout) as Seen;
  };
  const root = (): Record<string, string> => ({
    PVE_USER: 'root@pam',
    PVE_PASSWORD: served.sim.credentials.password,
  });
  const token = (): Record<string, string> => ({
    PVE_USER: 'automation@pve',
    PVE_TOKEN_NAME: 'fleet',
    PVE_TOKEN_VALUE: served.sim.state.users['automation@pve']?.tokens['fleet']?.secret ?? '',
  });

  it.each([
    ['a ticket, on the node itself', 'pve1', 501, root, true],
    [
      'a token, through another node',
      'pve2',
      502,
      token,
      [403, 'Permission check failed (/storage/local, Datastore.Allocate)'],
    ],
  ] as const)(
    'creates, changes, snapshots and destroys a container with %s',
    async (_name, node, vmid, who, deleted) => {
      const seen = await live(node, vmid, who());
      const { digest: _digest, net0, lxc: _lxc, ...config } = seen.config;
      const tasks = [
        'download',
        'vzcreate',
        'vzstart',
        'vzsnapshot',
        'vzrollback',
        'vzdelsnapshot',
        'vzstart',
      ];
      tasks.push('resize', 'imgcopy', ...(deleted === true ? ['imgdel'] : []), 'vzstop', 'vzdestroy');
      expect(seen.tasks).toEqual(tasks.map((type) => [type, 'OK']));
      expect(config).toEqual({
        arch: 'amd64',
        cores: 2,
        cpulimit: '1.5',
        description: 'made with proxmoxer; ü=1 & more\n',
        features: 'nesting=1',
        hostname: 'py02',
        memory: 1024,
        ostype: 'debian',
        rootfs: `local-lvm:vm-${vmid}-disk-0,size=2G`,
        swap: 512,
        tags: 'client;py',
        unprivileged: 1,
      });
      expect(net0).toMatch(/^name=eth0,bridge=vmbr0,hwaddr=BC:24:11(:[0-9A-F]{2}){3},ip=dhcp,type=veth$/);
      expect(seen).toMatchObject({
        version: '9.2',
        template: [expect.stringMatching(/^local:vztmpl\/debian-13-standard_/)],
        createLog: 'TASK OK',
        running: { vmid, status: 'running', type: 'lxc', name: 'py01', cpus: 1, maxmem: 512 * 2 ** 20 },
        interfaces: ['lo', 'eth0'],
        pending: [],
        limits: { maxmem: 1024 * 2 ** 20, maxswap: 512 * 2 ** 20, cpus: 2 },
        waiting: [{ key: 'nameserver', pending: '192.0.2.53' }],
        rolledBack: [1024, 'stopped'],
        snapshots: ['before', 'current'],
        rootfs: `local-lvm:vm-${vmid}-disk-0,size=3G`,
        uploaded: 256 * 64,
        deleted,
        refusals: [
          [400, 'Parameter verification failed.'],
          [500, `unable to destroy CT ${vmid} - container is running`],
          [500, `Configuration file 'nodes/${node}/lxc/99999.conf' does not exist`],
          [501, `Method 'GET /nodes/${node}/nope' not implemented`],
          [500, 'detected modified configuration - file changed by other user? Try again.'],
        ],
        stopped: 'stopped',
        left: [],
        gone: [500, `Configuration file 'nodes/${node}/lxc/${vmid}.conf' does not exist`],
      });
    },
  );

  it('is refused without a good password, and does not trust a certificate it does not know', async () => {
    const args = ['proxmoxer_lifecycle.py', served.authority, 'pve1', '503', 'x'];
    const wrong = { ...root(), PVE_CA_FILE: served.caFile, PVE_PASSWORD: 'no' };
    const refused = await runClient(python, args, wrong);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Couldn't authenticate user: root@pam");
    const stranger = await runClient(python, args, {
      ...root(),
      PVE_CA_FILE: '/etc/ssl/certs/ca-certificates.crt',
    });
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain('CERTIFICATE_VERIFY_FAILED');
  });
});
