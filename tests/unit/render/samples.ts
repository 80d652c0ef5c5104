/** A plan and an apply report with one of everything, for the renderers. */
import type { Action, Plan } from '../../../src/domain/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';

type Given = Partial<Action> & Pick<Action, 'id' | 'kind' | 'target'>;
const action = (given: Given): Action => ({
  request: { method: 'PUT', path: '/nodes/{node}/lxc/{vmid}/config', params: {} },
  completes: 'task',
  changes: [],
  risk: 'safe',
  reason: 'differs',
  precondition: { kind: 'none' },
  dependsOn: [],
  ...given,
});
const web = { key: 'web01', vmid: 101, node: 'pve1' };
const db = { key: 'db01', vmid: 102, node: 'pve2' };
const old = { key: 'old01', vmid: 105, node: 'pve1' };

export const plan: Plan = {
  format: 'pvefleet.plan/1',
  fleet: 'lab',
  id: '7f3a91c2d4e5f60718293a4b5c6d7e8f',
  actions: [
    action({
      id: 'template/pve1/local/debian-13-standard_13.1-2_amd64.tar.zst',
      kind: 'template.download',
      target: { key: 'debian-13', node: 'pve1' },
      request: {
        method: 'POST',
        path: '/nodes/{node}/aplinfo',
        params: { node: 'pve1', storage: 'local', template: 'debian-13-standard_13.1-2_amd64.tar.zst' },
      },
    }),
    action({
      id: 'web01/create',
      kind: 'container.create',
      target: web,
      reason: 'not there yet',
      request: {
        method: 'POST',
        path: '/nodes/{node}/lxc',
        params: { ostemplate: 'local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst' },
      },
      changes: [
        { field: 'hostname', from: null, to: 'web01', effect: 'live' },
        { field: 'memory', from: null, to: '1GiB', effect: 'live' },
        { field: 'nets.eth0', from: null, to: { bridge: 'vmbr0', ip: '10.0.0.11/24' }, effect: 'live' },
      ],
    }),
    action({ id: 'web01/start', kind: 'container.start', target: web, dependsOn: ['web01/create'] }),
    action({
      id: 'db01/configure:live',
      kind: 'container.configure',
      target: db,
      changes: [{ field: 'memory', from: '2GiB', to: '4GiB', effect: 'live' }],
    }),
    action({
      id: 'db01/configure:restart',
      kind: 'container.configure',
      target: db,
      changes: [{ field: 'features.nesting', from: false, to: true, effect: 'restart' }],
    }),
    action({ id: 'old01/stop', kind: 'container.stop', target: old, risk: 'disruptive' }),
    action({
      id: 'old01/destroy',
      kind: 'container.destroy',
      target: old,
      risk: 'destructive',
      reason: 'left the fleet file',
    }),
  ],
  inSync: ['cache01', 'cache02'],
  refusals: [
    {
      key: 'old01',
      vmid: 105,
      needs: 'destroy',
      code: 'DESTROY_NOT_ALLOWED',
      message: 'old01 (105) left the fleet file and would be destroyed',
      hint: 'allow it with --allow destroy',
      changes: [],
    },
  ],
  notices: [
    {
      severity: 'warning',
      code: 'RESTART_DUE',
      message: 'db01 (102): 1 field waits for a restart',
      hint: '--allow restart',
    },
  ],
  summary: { create: 1, update: 1, destroy: 1, unchanged: 2 },
};

export const applied: ApplyReport = {
  format: 'pvefleet.apply/1',
  fleet: 'lab',
  planId: plan.id,
  actions: [
    {
      id: 'web01/create',
      kind: 'container.create',
      key: 'web01',
      vmid: 101,
      node: 'pve1',
      result: 'warnings',
      ms: 2100,
      log: ['WARN: Systemd 257 detected.'],
    },
    {
      id: 'db01/configure:live',
      kind: 'container.configure',
      key: 'db01',
      vmid: 102,
      node: 'pve2',
      result: 'failed',
      ms: 90,
      log: ['TASK ERROR: no space'],
      error: {
        format: 'pvefleet.error/1',
        code: 'TASK_FAILED',
        message: 'cannot change db01: no space',
        hint: 'free some space',
      },
    },
    {
      id: 'db01/configure:restart',
      kind: 'container.configure',
      key: 'db01',
      vmid: 102,
      node: 'pve2',
      result: 'skipped',
      ms: 0,
      error: { format: 'pvefleet.error/1', code: 'SKIPPED', message: 'db01/configure:live failed' },
    },
  ],
  summary: { ok: 0, warnings: 1, unchanged: 0, diverged: 0, failed: 1, skipped: 1, indeterminate: 0 },
  runningUpids: ['UPID:pve1:00000145:0003D734:6B04652B:vzcreate:100:root@pam:'],
  interrupted: false,
  ms: 4200,
};
