import { describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { Action } from '../../../src/domain/plan.ts';
import {
  renderApplyJunit,
  renderErrorJunit,
  renderPlanJunit,
  renderVerifyJunit,
} from '../../../src/render/junit.ts';
import { renderApplyMarkdown, renderVerifyMarkdown } from '../../../src/render/markdown.ts';
import { renderPlanMarkdown } from '../../../src/render/plan.ts';
import { parseXml } from '../../support/xml.ts';
import { applied, plan } from './samples.ts';

const drift: VerifyReport = {
  format: 'pvefleet.verify/1',
  fleet: 'lab',
  converged: false,
  containers: [
    { key: 'web01', vmid: 101, node: 'pve1', state: 'applied' },
    { key: 'web02', vmid: 102, node: 'pve1', state: 'diverged' },
    { key: 'web03', vmid: 103, node: 'pve1', state: 'pending' },
  ],
  findings: [
    { key: 'web02', field: 'memory', state: 'diverged', expected: '1GiB', actual: '2GiB' },
    { key: 'web02', field: 'cores', state: 'diverged', expected: 1, actual: 2 },
    { key: 'web03', field: 'features', state: 'pending', expected: { nesting: true }, actual: null },
    { key: 'old', field: 'container', state: 'unexpected', expected: null, actual: 'old' },
  ],
  summary: { applied: 1, pending: 1, diverged: 1, missing: 0, unexpected: 1 },
};

/** Cases as name → outcome, and the counts of the suite. */
function read(xml: string): { cases: Record<string, string>; counts: Record<string, string | undefined> } {
  const [suite] = parseXml(xml).children;
  const cases = (suite?.children ?? []).map((one) => {
    const outcome = one.children.find(({ tag }) => tag !== 'system-out');
    const detail = outcome?.attributes['type'] ?? outcome?.attributes['message'] ?? '';
    return [one.attributes['name'] as string, outcome ? `${outcome.tag} ${detail}` : 'passed'];
  });
  const { tests, failures, errors, skipped } = suite?.attributes ?? {};
  return {
    cases: Object.fromEntries(cases) as Record<string, string>,
    counts: { tests, failures, errors, skipped },
  };
}

describe('JUnit', () => {
  it('has a case per container of a plan; what is refused has failed', () => {
    const xml = renderPlanJunit(plan);
    expect(read(xml)).toEqual({
      cases: {
        cache01: 'passed',
        cache02: 'passed',
        db01: 'passed',
        old01: 'failure DESTROY_NOT_ALLOWED',
        web01: 'passed',
      },
      counts: { tests: '5', failures: '1', errors: '0', skipped: '0' },
    });
    expect(xml).toContain('container.configure memory: 2GiB → 4GiB (live)');
    expect(xml).toContain('allow it with --allow destroy');
  });

  it('tells what failed and what was skipped of an apply', () => {
    const [create, failed, skipped] = applied.actions;
    const report = {
      ...applied,
      actions: [
        create,
        failed,
        skipped,
        { ...skipped, id: 'late/create', key: 'late' },
      ] as typeof applied.actions,
    };
    const xml = renderApplyJunit(report);
    expect(read(xml)).toEqual({
      cases: { db01: 'failure TASK_FAILED', late: 'skipped db01/configure:live failed', web01: 'passed' },
      counts: { tests: '3', failures: '1', errors: '0', skipped: '1' },
    });
    expect(xml).toContain('TASK ERROR: no space');
    expect(xml).toContain('name="web01" time="2.100"');
  });

  it('takes the proof after an apply into account', () => {
    const report = { ...applied, actions: applied.actions.slice(0, 1) };
    expect(read(renderApplyJunit(report, drift)).cases).toEqual({
      web01: 'passed',
      web02: 'failure diverged',
      web03: 'passed',
    });
  });

  it('fails whatever verify would not exit 0 for', () => {
    const xml = renderVerifyJunit(drift);
    expect(read(xml)).toEqual({
      cases: {
        old: 'failure unexpected',
        web01: 'passed',
        web02: 'failure diverged',
        web03: 'failure pending',
      },
      counts: { tests: '4', failures: '3', errors: '0', skipped: '0' },
    });
    expect(xml).toContain('memory is diverged: 1GiB expected, 2GiB found\ncores is diverged');
  });

  it('reports an error that kept the command from its result', () => {
    const error = { format: 'pvefleet.error/1', code: 'PVE_AUTH', message: 'no', hint: 'yes' } as const;
    expect(read(renderErrorJunit('plan', error))).toEqual({
      cases: { plan: 'error PVE_AUTH' },
      counts: { tests: '1', failures: '0', errors: '1', skipped: '0' },
    });
  });

  it('names the containers that a refused apply is about', () => {
    const details = {
      refusals: [{ key: 'a', code: 'FOREIGN_CONTAINER', message: 'theirs' }],
      stale: [{ id: 'b/create', key: 'b', reason: 'b exists already' }],
    };
    const error = { format: 'pvefleet.error/1', code: 'PLAN_REFUSED', message: 'no', details } as const;
    expect(read(renderErrorJunit('apply', error)).cases).toEqual({
      a: 'failure FOREIGN_CONTAINER',
      b: 'failure PLAN_REFUSED',
    });
  });

  it('is well-formed whatever the texts hold', () => {
    const nasty = 'a<b> & "c"\u0000\u001b[31m\ud800\ttab\nline ]]>';
    const [refusal] = plan.refusals;
    const xml = renderPlanJunit({
      ...plan,
      refusals: [{ ...refusal, key: nasty, message: nasty }] as typeof plan.refusals,
    });
    const failed = parseXml(xml).children[0]?.children.find(({ children }) => children[0]?.tag === 'failure');
    expect(failed?.attributes['name']).toBe('a<b> & "c"\ufffd\ufffd[31m\ufffd\ttab\nline ]]>');
    expect(read(renderPlanJunit({ ...plan, actions: [], refusals: [], inSync: [] })).counts['tests']).toBe(
      '0',
    );
  });
});

describe('Markdown', () => {
  it('shows what an apply did, and the proof', () => {
    const text = renderApplyMarkdown(applied, drift);
    expect(text).toContain('### Fleet `lab`: applied, 3 steps in 4.2 s');
    expect(text).toContain(
      '| db01 | 102 | pve2 | container.configure | failed | 0.1 s | cannot change db01: no space |',
    );
    expect(text).toContain('| web02 |  |  | memory | diverged | 1GiB | 2GiB |');
  });

  it('shows what a verification found', () => {
    expect(renderVerifyMarkdown({ ...drift, findings: [], converged: true })).toBe(
      '### Fleet `lab`: verified, 1 as the file says, 1 waiting for a restart, 1 diverged, 1 owned but not in the file\n',
    );
  });

  it('keeps texts in their cells', () => {
    const [action] = plan.actions.filter(({ kind }) => kind === 'container.configure');
    const changes = [{ field: 'description', from: 'a|b', to: '<img src=x> \\', effect: 'live' }] as const;
    const text = renderPlanMarkdown({ ...plan, actions: [{ ...action, changes }] as typeof plan.actions });
    expect(text).toContain('| description | a\\|b → &lt;img src=x> \\\\ | live |');
  });

  it('tells a list of firewall rules once, by what comes and goes', () => {
    const step = { ...(plan.actions[0] as Action), kind: 'firewall.rule' } as const;
    const rule = { type: 'in', action: 'ACCEPT' };
    const change = { field: 'firewall.rules', from: [], to: [rule], effect: 'live' } as const;
    const steps = [
      { ...step, id: 'a/1', changes: [] },
      { ...step, id: 'a/2', changes: [change] },
    ];
    const both = [
      renderPlanMarkdown({ ...plan, actions: steps }),
      renderPlanJunit({ ...plan, actions: steps }),
    ];
    for (const text of both) expect(text.match(/firewall\.rule\b/g)).toHaveLength(1);
    expect(both[0]).toContain('| firewall.rules | + type=in action=ACCEPT | live |');
    expect(both[1]).toContain('firewall.rule firewall.rules: + type=in action=ACCEPT (live)');
  });
});
