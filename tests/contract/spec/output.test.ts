/** plan.schema.json and output.schema.json describe the documents as the types have them. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { InsideWork, Plan } from '../../../src/domain/plan.ts';
import type { ImportDocument } from '../../../src/engine/import.ts';
import type { AccessDocument } from '../../../src/engine/inside/access.ts';
import type { CopyDocument } from '../../../src/engine/inside/copy.ts';
import { execDocument } from '../../../src/engine/inside/exec.ts';
import type { ListDocument, ShowDocument } from '../../../src/engine/list.ts';
import type { PlanFile } from '../../../src/engine/plan-file.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import type { LockDocument } from '../../../src/engine/template-lock.ts';
import { SpecError } from '../../../src/spec/errors.ts';
import type { ErrorDocument } from '../../../src/util/errors.ts';
import { load } from '../../unit/spec/support.ts';

const schema = (name: string): object =>
  JSON.parse(
    readFileSync(new URL(`../../../config/schema/${name}.schema.json`, import.meta.url), 'utf8'),
  ) as object;
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false });
/** Errors of a validation; none when the value is accepted. */
const errorsOf = (validate: ValidateFunction, value: unknown): unknown =>
  validate(value) ? [] : validate.errors;
const acceptsPlan = ajv.compile(schema('plan'));
const accepts = ajv.compile(schema('output'));

const upid = 'UPID:pve1:0000C530:00A2B3C4:6502F1A2:vzcreate:101:root@pam:';
const plan: Plan = {
  format: 'pvefleet.plan/1',
  fleet: 'lab',
  id: '7f3a91c2',
  actions: [
    {
      id: 'web01/create',
      kind: 'container.create',
      target: { key: 'web01', vmid: 101, node: 'pve1' },
      request: {
        method: 'POST',
        path: '/nodes/{node}/lxc',
        params: {
          node: 'pve1',
          vmid: 101,
          unprivileged: true,
          password: { $secret: 'env:PW' },
          x: ['a', 'b'],
        },
      },
      completes: 'task',
      changes: [{ field: 'memory', from: null, to: '512MiB', effect: 'live' }],
      risk: 'safe',
      reason: 'not there yet',
      precondition: { kind: 'vmid-free', flexible: true, from: 100, to: 199 },
      dependsOn: [],
    },
    {
      id: 'db01/configure:live',
      kind: 'container.configure',
      target: { key: 'db01', vmid: 102, node: 'pve2' },
      request: { method: 'PUT', path: '/nodes/{node}/lxc/{vmid}/config', params: { memory: 4096 } },
      completes: 'now',
      changes: [{ field: 'features', from: { nesting: true }, to: null, effect: 'restart' }],
      risk: 'disruptive',
      reason: 'memory differs',
      precondition: { kind: 'digest', digest: 'da39a3ee5e6b4b0d3255bfef95601890afd80709' },
      dependsOn: ['web01/create'],
    },
    {
      id: 'template/pve1/local/x',
      kind: 'template.download',
      target: { key: 'x', node: 'pve1' },
      request: { method: 'POST', path: '/nodes/{node}/aplinfo', params: {} },
      completes: 'task',
      changes: [],
      risk: 'safe',
      reason: 'not on its storage',
      precondition: { kind: 'none' },
      dependsOn: [],
      follows: ['web01/create'],
    },
  ],
  inSync: ['cache01'],
  refusals: [
    {
      key: 'old',
      vmid: 103,
      needs: 'destroy',
      code: 'DESTROY_NOT_ALLOWED',
      message: 'no',
      hint: 'yes',
      changes: [],
    },
  ],
  notices: [{ severity: 'warning', code: 'NODE_DIFFERS', message: 'on pve2' }],
  summary: { create: 1, update: 1, destroy: 0, unchanged: 1 },
};
const resetPlan: Plan = {
  ...plan,
  reset: {
    containers: [{ key: 'db01', vmid: 102, node: 'pve2', strategy: 'rollback', why: 'baseline', seconds: 4 }],
    seconds: 4,
  },
};
const planFile: PlanFile = {
  format: 'pvefleet.plan-file/1',
  plan,
  meta: { tool: 'pvefleet 0.1.0', endpoint: 'https://pve1:8006' },
};
const error: ErrorDocument = {
  format: 'pvefleet.error/1',
  code: 'PVE_LOCKED',
  message: 'locked',
  hint: 'wait',
  details: {},
};
const apply: ApplyReport = {
  format: 'pvefleet.apply/1',
  fleet: 'lab',
  planId: '7f3a91c2',
  actions: [
    {
      id: 'web01/create',
      kind: 'container.create',
      key: 'web01',
      vmid: 101,
      node: 'pve1',
      result: 'ok',
      upid,
      ms: 12,
    },
    {
      id: 'db01/configure:live',
      kind: 'container.configure',
      key: 'db01',
      node: 'pve2',
      result: 'failed',
      ms: 3,
      error,
      log: ['x'],
    },
  ],
  summary: { ok: 1, warnings: 0, unchanged: 0, diverged: 0, failed: 1, skipped: 0, indeterminate: 0 },
  runningUpids: [upid],
  interrupted: false,
  ms: 15,
};
const verify: VerifyReport = {
  format: 'pvefleet.verify/1',
  fleet: 'lab',
  converged: false,
  containers: [
    { key: 'web01', vmid: 101, node: 'pve1', state: 'diverged' },
    { key: 'db01', state: 'missing' },
  ],
  findings: [
    {
      key: 'web01',
      vmid: 101,
      node: 'pve1',
      field: 'memory',
      state: 'diverged',
      expected: '1GiB',
      actual: null,
    },
  ],
  summary: { applied: 0, pending: 0, diverged: 1, missing: 1, unexpected: 0 },
};
const list: ListDocument = {
  format: 'pvefleet.list/1',
  containers: [
    {
      vmid: 101,
      name: 'web01',
      node: 'pve1',
      status: 'running',
      template: false,
      tags: ['pvefleet'],
      cores: 2,
      cpuLimit: null,
      memoryMiB: 512,
      swapMiB: 0,
      rootfsBytes: 8589934592,
      usage: { cpu: 0.01, memoryBytes: 1000, diskBytes: null },
      uptimeSeconds: 12,
      addresses: ['10.0.0.5/24'],
      pending: [],
      fleet: 'lab',
      key: 'web01',
    },
  ],
};
const show: ShowDocument = {
  format: 'pvefleet.show/1',
  container: list.containers[0] as ListDocument['containers'][number],
  config: { current: { memory: '512' }, pending: { nesting: null } },
  digest: 'da39',
  interfaces: [{ name: 'eth0', mac: 'BC:24:11:00:00:01', addresses: ['10.0.0.5/24'] }],
  tasks: [{ upid, node: 'pve1', type: 'vzcreate', id: '101', user: 'root@pam', startedAt: 1, state: 'ok' }],
};
const imported: ImportDocument = {
  format: 'pvefleet.import/1',
  fleet: 'lab',
  containers: [{ key: 'web01', vmid: 101, node: 'pve1', adopt: true }],
  yaml: 'version: 1\n',
  notices: [{ severity: 'info', code: 'AWAITING_RESTART', message: 'waits' }],
};
const { diagnostics, sources } = load('version: 1\nfleet: lab\ncontainers: { a: { cores: 0, node: 5 } }\n');
const validate = { format: 'pvefleet.validate/1', file: 'f.yaml', valid: false, diagnostics };

const upload: Plan = {
  ...plan,
  actions: plan.actions.slice(2).map((action) => ({
    ...action,
    kind: 'template.upload',
    request: { ...action.request, upload: { path: '/srv/x.tar', sizeBytes: 12 } },
  })),
};
const lock: LockDocument = {
  format: 'pvefleet.template-lock/1',
  fleet: 'lab',
  lock: 'templates.lock',
  moves: [
    {
      name: 'debian-13',
      from: { file: 'a.tar', source: 'catalogue' },
      to: { file: 'b.tar', sha512: 'a'.repeat(128), source: 'catalogue' },
      storages: [{ node: 'pve1', storage: 'local', stored: false }],
    },
  ],
  kept: ['mine'],
  written: true,
};

const documents: readonly [name: string, document: object][] = [
  ['plan', plan],
  ['a plan that uploads', upload],
  ['a plan of a reset', resetPlan],
  ['template lock', lock],
  ['apply', apply],
  ['verify', verify],
  ['list', list],
  ['show', show],
  ['import', imported],
  ['validate', validate],
  ['error', error],
  ['the error of a fleet file', new SpecError(diagnostics, sources).toJSON()],
  ['tasks', { format: 'pvefleet.tasks/1', tasks: show.tasks }],
  [
    'snapshots',
    {
      format: 'pvefleet.snapshots/1',
      containers: [
        {
          vmid: 101,
          name: 'web01',
          node: 'pve1',
          snapshots: [
            { name: 'a', description: '', isCurrent: true, takenAt: '2026-01-31T10:00:00.000Z', parent: 'b' },
          ],
        },
      ],
    },
  ],
  [
    'exec',
    execDocument([
      { vmid: 101, name: 'a', node: 'pve1', exitCode: 0, stdout: 'x', stderr: '', ms: 3 },
      {
        vmid: 102,
        name: 'b',
        node: 'pve1',
        exitCode: 137,
        signal: 'SIGKILL',
        stdout: '/w==',
        stdoutBase64: true,
        ms: 4,
      },
      { vmid: 103, name: 'c', node: 'pve1', exitCode: 124, timedOut: true, ms: 4 },
      { vmid: 104, name: 'd', node: 'pve1', exitCode: null, ms: 1, error },
    ]),
  ],
  [
    'copy',
    {
      format: 'pvefleet.copy/1',
      vmid: 101,
      name: 'a',
      node: 'pve1',
      direction: 'in',
      files: [{ from: '/a', to: '/b/a', bytes: 3, digest: 'sha256:00ff' }],
      skipped: ['/a/pipe'],
      ms: 5,
    } satisfies CopyDocument,
  ],
  [
    'access',
    {
      format: 'pvefleet.access/1',
      vmid: 101,
      name: 'a',
      node: 'pve1',
      user: 'root',
      passwordSet: true,
      keys: { added: 1, present: 0 },
    } satisfies AccessDocument,
  ],
  [
    'templates',
    { format: 'pvefleet.templates/1', templates: [{ volid: 'a:vztmpl/b', storage: 'a', node: 'pve1' }] },
  ],
];

/** Every document that lacks one of its members. */
function incomplete(document: object): object[] {
  return Object.keys(document).map((key) =>
    Object.fromEntries(Object.entries(document).filter(([name]) => name !== key)),
  );
}

describe('output.schema.json', () => {
  it.each(documents)('accepts %s', (_name, document) => {
    expect(errorsOf(accepts, JSON.parse(JSON.stringify(document)))).toEqual([]);
  });

  it('refuses documents that lack a member', () => {
    for (const document of [plan, apply, verify, list, show, imported, lock])
      for (const part of incomplete(document)) expect(accepts(part)).toBe(false);
  });

  it('refuses wrong members deep inside', () => {
    const [action] = plan.actions;
    const [container] = list.containers;
    expect(accepts({ ...plan, actions: [{ ...action, risk: 'none' }] })).toBe(false);
    expect(accepts({ ...plan, actions: incomplete(action ?? {}).slice(0, 1) })).toBe(false);
    expect(accepts({ ...list, containers: [{ ...container, vmid: '101' }] })).toBe(false);
    expect(accepts({ ...apply, summary: { ok: 1 } })).toBe(false);
    expect(accepts({ ...error, code: 'no code' })).toBe(false);
  });

  it('takes members that a later version adds', () => {
    expect(accepts({ ...list, later: true })).toBe(true);
  });
});

describe('plan.schema.json', () => {
  it.each<[string, object]>([
    ['a plan', plan],
    ['a saved plan', planFile],
  ])('accepts %s', (_name, document) => {
    expect(errorsOf(acceptsPlan, document)).toEqual([]);
  });

  const [base] = plan.actions;
  const inside = (work: object): object => ({ ...plan, actions: [{ ...base, inside: work }] });
  const step = { kind: 'run', script: 'make', env: { A: 'b', T: { $secret: 'env:T' } }, timeoutSeconds: 60 };
  const provision = {
    kind: 'provision',
    position: 1,
    of: 1,
    digest: 'ab12cd34',
    digests: ['ab12cd34'],
    step,
  };

  it.each<[string, InsideWork]>([
    ['a step', provision as InsideWork],
    ['a wait', { kind: 'ready', timeoutSeconds: 120, checks: [{ kind: 'port', port: 80 }] }],
  ])('accepts %s inside a container', (_name, work) => {
    expect(errorsOf(acceptsPlan, inside(work))).toEqual([]);
  });

  it('refuses a secret value in the variables of a step', () => {
    const leak = { ...provision, step: { ...step, env: { TOKEN: { value: 'hunter2' } } } };
    expect(acceptsPlan(inside(leak))).toBe(false);
  });

  it('refuses a secret value and a saved plan without origin', () => {
    const [action] = plan.actions;
    const leak = { ...action, request: { ...action?.request, params: { password: { value: 'hunter2' } } } };
    expect(acceptsPlan({ ...plan, actions: [leak] })).toBe(false);
    expect(acceptsPlan({ format: planFile.format, plan })).toBe(false);
  });
});
