/**
 * Ansible's modules for Proxmox containers: a container's whole life over HTTPS. The second run of a playbook changes
 * nothing, and sends nothing that could.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMissing, type Run, runClient, type Served, serveCluster } from './served.ts';

const parts = [
  'community.general.plugins.modules.proxmox',
  'community.general.plugins.modules.proxmox_template',
]
  .concat(['community.general.plugins.modules.proxmox_snap', 'ansible.posix.plugins.callback.json'])
  .map((name) => `ansible_collections.${name}`);
const missing =
  (await isMissing('ansible', '/usr/bin/python3', ['-c', `import ${parts.join(', ')}`])) ||
  (await isMissing('python3-proxmoxer', '/usr/bin/python3', ['-c', 'import proxmoxer, requests']));

interface Host {
  readonly ok: number;
  readonly changed: number;
  readonly failures: number;
  readonly unreachable: number;
  readonly skipped: number;
}
interface Recap {
  readonly stats: { readonly localhost: Host };
  readonly plays: readonly {
    readonly tasks: readonly {
      readonly task: { readonly name: string };
      readonly hosts: { readonly localhost: { readonly changed?: boolean; readonly msg?: string } };
    }[];
  }[];
}
interface Played {
  readonly stats: Host;
  /** Names of the tasks that changed something. */
  readonly changed: readonly string[];
}

describe.skipIf(missing)('Ansible', { timeout: 120_000 }, () => {
  let served: Served;
  const node = 'pve1';
  const vmid = 601;
  beforeAll(async () => {
    served = await serveCluster('cluster');
  });
  afterAll(() => served.close());

  const run = async (
    playbook: string,
    variables: Record<string, unknown> = {},
    caFile = served.caFile,
  ): Promise<Run> => {
    const template = served.sim.state.catalogue.find((entry) => entry.package === 'debian-13-standard');
    const file = join(served.folder, 'variables.json');
    const everything = {
      ansible_python_interpreter: '/usr/bin/python3',
      api_host: served.authority,
      api_user: 'automation@pve',
      api_token_id: 'fleet',
      api_token_secret: served.sim.state.users['automation@pve']?.tokens['fleet']?.secret,
      ca_file: served.caFile,
      node,
      vmid,
      template: template?.template,
      limits: { memory: 1024, swap: 512, cores: 2 },
      snapshot_description: 'as it was made',
      ...variables,
    };
    writeFileSync(file, JSON.stringify(everything));
    return runClient('/usr/bin/ansible-playbook', ['-i', 'localhost,', '-e', `@${file}`, playbook], {
      ANSIBLE_HOME: join(served.folder, 'ansible'),
      ANSIBLE_LOCAL_TEMP: join(served.folder, 'ansible-tmp'),
      ANSIBLE_STDOUT_CALLBACK: 'ansible.posix.json',
      ANSIBLE_DEPRECATION_WARNINGS: 'false',
      HOME: served.folder,
      REQUESTS_CA_BUNDLE: caFile,
    });
  };
  const play = async (playbook: string, variables: Record<string, unknown> = {}): Promise<Played> => {
    const done = await run(playbook, variables);
    expect(done.code, `${done.stdout}\n${done.stderr}`).toBe(0);
    const { stats, plays } = JSON.parse(done.stdout) as Recap;
    const tasks = plays.flatMap((played) => played.tasks);
    return {
      stats: stats.localhost,
      changed: tasks.filter((task) => task.hosts.localhost.changed).map((task) => task.task.name),
    };
  };
  const container = () => served.sim.state.containers[vmid];

  it('makes a container, starts it and changes it', async () => {
    const first = await play('ansible/present.yml');
    expect(first.changed).toEqual([
      'The template is on the storage',
      'The container exists',
      'The container runs',
      'Its limits are the wanted ones',
      'There is a snapshot to go back to',
    ]);
    expect(served.takeWrites()).toEqual([
      'POST /nodes/pve1/aplinfo',
      'POST /nodes/pve1/lxc',
      'POST /nodes/pve1/lxc/601/status/start',
      'PUT /nodes/pve1/lxc/601/config',
      'POST /nodes/pve1/lxc/601/snapshot',
    ]);
    expect(container()).toMatchObject({
      node,
      runtime: { pid: expect.any(Number) },
      config: {
        hostname: 'ansible01',
        memory: '1024',
        swap: '512',
        cores: '2',
        onboot: '1',
        features: 'nesting=1',
        unprivileged: '1',
        tags: 'ansible;web',
      },
    });
  });

  it('changes nothing in a second run', async () => {
    const second = await play('ansible/present.yml');
    expect(second.stats).toMatchObject({ changed: 0, failures: 0, unreachable: 0, ok: 5 });
    expect(served.takeWrites()).toEqual([]);
  });

  it('changes only what is wanted otherwise', async () => {
    const changed = await play('ansible/present.yml', { limits: { memory: 2048, swap: 512, cores: 2 } });
    expect(changed.changed).toEqual(['Its limits are the wanted ones']);
    expect(served.takeWrites()).toEqual(['PUT /nodes/pve1/lxc/601/config']);
    expect(container()).toMatchObject({ runtime: { pid: expect.any(Number) }, config: { memory: '2048' } });
  });

  it('shows what the server refuses', async () => {
    const done = await run('ansible/present.yml', {
      node: 'pve2',
      vmid: 602,
      template: 'no-such-template.tar.zst',
    });
    expect(done.code).toBe(2);
    expect(done.stdout).toContain('400 Bad Request: Parameter verification failed.');
    expect(served.takeWrites()).toEqual(['POST /nodes/pve2/aplinfo']);
  });

  it('does not trust a certificate that it does not know', async () => {
    const done = await run('ansible/present.yml', {}, '/etc/ssl/certs/ca-certificates.crt');
    expect(done.code).toBe(2);
    expect(done.stdout).toContain('CERTIFICATE_VERIFY_FAILED');
  });

  it('takes the container away, once', async () => {
    const first = await play('ansible/absent.yml');
    expect(first.changed).toEqual(['It has no snapshot', 'It does not run', 'It does not exist']);
    expect(container()).toBeUndefined();
    expect(served.takeWrites()).toEqual([
      'DELETE /nodes/pve1/lxc/601/snapshot/baseline',
      'POST /nodes/pve1/lxc/601/status/shutdown',
      'DELETE /nodes/pve1/lxc/601',
    ]);
    const second = await play('ansible/absent.yml');
    expect(second.stats).toMatchObject({ changed: 0, failures: 0, skipped: 3 });
    expect(served.takeWrites()).toEqual([]);
  });
});
