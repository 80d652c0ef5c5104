/** The console of a container made a shell, and made what it was. */
import { describe, expect, it } from 'vitest';
import { planConsoleBack, planShellConsole } from '../../../src/domain/plan-console.ts';
import { type ActualOptions, actual, policyOf } from '../../support/builders.ts';

const allowed = policyOf({ allow: { restart: true } });
const refused = policyOf({});
const tty = { nextConfig: { cmode: 'tty' }, config: { cmode: 'tty' } };

const steps = (plan: ReturnType<typeof planShellConsole>): [string, unknown][] =>
  plan.actions.map(({ id, request }) => [id, request.params]);

describe('planShellConsole', () => {
  it.each<[string, ActualOptions, string[]]>([
    ['a shell already', { config: { cmode: 'shell' } }, []],
    ['a shell that waits for a restart', { nextConfig: { cmode: 'shell' } }, ['web/reboot']],
    ['no cmode at all', {}, ['web/configure:restart', 'web/reboot']],
    ['a login prompt', tty, ['web/configure:restart', 'web/reboot']],
    ['its first process', { config: { cmode: 'console' } }, ['web/configure:restart', 'web/reboot']],
  ])('%s', (_, has, ids) => {
    const plan = planShellConsole(actual('web', 101, has), allowed);
    expect(plan.actions.map(({ id }) => id)).toEqual(ids);
    expect(plan.refusals).toEqual([]);
    expect(planShellConsole(actual('web', 101, has), refused).refusals).toHaveLength(ids.length > 0 ? 1 : 0);
  });

  it('writes with the digest, and restarts afterwards', () => {
    const container = actual('web', 101);
    const plan = planShellConsole(container, allowed);
    expect(steps(plan)).toEqual([
      ['web/configure:restart', { node: 'pve1', vmid: 101, cmode: 'shell', digest: container.digest }],
      ['web/reboot', { node: 'pve1', vmid: 101 }],
    ]);
    expect(plan.actions[1]?.dependsOn).toEqual(['web/configure:restart']);
  });

  it('refuses a locked container whatever is allowed', () => {
    const [refusal] = planShellConsole(actual('web', 101, { lock: 'backup' }), allowed).refusals;
    expect(refusal).toMatchObject({ vmid: 101 });
    expect(refusal?.needs).toBeUndefined();
  });

  it.each([
    [{}, 'web: its console is a login prompt (cmode tty), not a root shell', /--allow restart/],
    [{ nextConfig: { cmode: 'shell' } }, /cmode shell waits for a restart/, /pvefleet restart 101/],
  ])('says what to do about %j', (has, message, hint) => {
    const [refusal] = planShellConsole(actual('web', 101, has), refused).refusals;
    expect(refusal).toMatchObject({ needs: 'restart', code: 'CONSOLE_NO_SHELL' });
    expect(refusal?.message).toMatch(message);
    expect(refusal?.hint).toMatch(hint);
  });
});

describe('planConsoleBack', () => {
  const now = actual('web', 101, { config: { cmode: 'shell' } });
  it.each<[string, string | undefined, object]>([
    ['to the value of before', 'tty', { cmode: 'tty' }],
    ['to none', undefined, { delete: 'cmode' }],
  ])('goes back %s', (_, cmode, params) => {
    const plan = planConsoleBack(now, cmode);
    expect(plan.actions).toHaveLength(1);
    expect(plan.actions[0]?.request.params).toMatchObject({ ...params, digest: now.digest });
  });

  it('has nothing to do when somebody was faster', () => {
    expect(planConsoleBack(actual('web', 101, tty), 'tty').actions).toEqual([]);
  });
});
