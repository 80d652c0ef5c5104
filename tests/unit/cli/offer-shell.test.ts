/** The question that lifts "its console is no root shell", as `--allow restart` does. */
import { describe, expect, it } from 'vitest';
import { offerShell } from '../../../src/cli/inside.ts';
import type { Options } from '../../../src/cli/options.ts';
import type { ActualContainer } from '../../../src/domain/actual.ts';

const container = (name: string, cmode?: string, more: Partial<ActualContainer> = {}): ActualContainer =>
  ({
    vmid: Number(name.replace(/\D/g, '')) + 100,
    name,
    node: 'pve1',
    status: 'running',
    isTemplate: false,
    live: { cmode },
    next: { cmode },
    digest: 'x',
    ...more,
  }) as unknown as ActualContainer;

interface Asked {
  readonly told: string[];
  readonly allowed: boolean;
}

async function offer(
  containers: readonly ActualContainer[],
  {
    options = {},
    interactive = true,
    answer = true,
  }: { readonly options?: Partial<Options>; readonly interactive?: boolean; readonly answer?: boolean } = {},
): Promise<Asked> {
  const told: string[] = [];
  const runtime = {
    options: { output: 'human', ...options },
    interactive,
    output: { tell: (text: string) => told.push(text) },
    prompts: () =>
      Promise.resolve({
        confirm: ({ message }: { message: string }) => {
          told.push(message);
          return Promise.resolve(answer);
        },
      }),
  } as unknown as Parameters<typeof offerShell>[0];
  const { policy } = await offerShell(runtime, containers);
  return { told, allowed: policy.allow.restart };
}

const login = container('web1');
const many = Array.from({ length: 12 }, (_, n) => container(`w${n + 1}`));

describe('the restart that gives a shell', () => {
  it.each<[string, readonly ActualContainer[], readonly string[]]>([
    [
      'one',
      [login],
      [
        'web1: its console is a login prompt (cmode tty), not a root shell',
        'Restart web1 to get one? Its cmode is put back afterwards.',
      ],
    ],
    [
      'one whose cmode waits for a restart',
      [container('web1', 'console', { next: { cmode: 'shell' } } as never)],
      [
        'web1: its console is still the output of its first process (cmode console); cmode shell waits for a restart',
        'Restart web1 to get one? Its cmode is set already.',
      ],
    ],
    [
      'one of several',
      [login, container('web2', 'shell')],
      [
        '1 of 2 containers has no root shell on its console: web1.',
        'Restart it to get one? Its cmode is put back afterwards; without it, it is left out.',
      ],
    ],
    [
      'many',
      [...many, container('web2', 'shell')],
      [
        '12 of 13 containers have no root shell on their console: w1, w2, w3, w4, w5, w6, w7, w8 and 4 more.',
        'Restart them to get one? Their cmode is put back afterwards; without it, they are left out.',
      ],
    ],
  ])('is offered for %s', async (_, containers, told) => {
    expect(await offer(containers)).toEqual({ told, allowed: true });
    expect(await offer(containers, { answer: false })).toEqual({ told, allowed: false });
  });

  it.each<[string, readonly ActualContainer[], Parameters<typeof offer>[1], boolean]>([
    ['there is a shell', [container('web1', 'shell')], {}, false],
    ['nobody is there to answer', [login], { interactive: false }, false],
    ['--yes has been said, which is no answer to that', [login], { options: { yes: true } }, false],
    ['--allow restart has been said', [login], { options: { allow: ['restart'] } }, true],
    ['it does not run', [container('web1', 'tty', { status: 'stopped' })], {}, false],
    ['it is a template', [container('web1', 'tty', { isTemplate: true })], {}, false],
    [
      'it is locked, so that a restart would not help',
      [container('web1', 'tty', { lock: 'backup' })],
      {},
      false,
    ],
  ])('is not offered where %s', async (_, containers, how, allowed) => {
    expect(await offer(containers, how)).toEqual({ told: [], allowed });
  });
});
