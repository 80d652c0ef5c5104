import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../../src/cli/invocation.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { usageError } from '../../../src/cli/usage.ts';

interface Parsed {
  readonly invocation?: Invocation;
  readonly out: string;
  readonly failure?: Error & { code: string; exitCode: number };
}

async function parse(args: readonly string[], env: Record<string, string> = {}): Promise<Parsed> {
  let invocation: Invocation | undefined;
  let out = '';
  const program = createProgram({
    env,
    writeOut: (text) => {
      out += text;
    },
    writeErr: (text) => {
      out += text;
    },
    execute: async (_, given) => {
      invocation = given;
    },
  });
  try {
    await program.parseAsync(['node', 'pvefleet', ...args]);
  } catch (error) {
    return { out, failure: error as Error & { code: string; exitCode: number } };
  }
  return { out, ...(invocation ? { invocation } : {}) };
}

async function optionsOf(
  args: readonly string[],
  env?: Record<string, string>,
): Promise<Record<string, unknown>> {
  const { invocation, failure } = await parse(args, env);
  if (failure) throw failure;
  return { ...invocation?.options };
}

describe('words behind --', () => {
  const table: [args: string[], operands: string[], rest: string[] | undefined][] = [
    [['exec', 'web01', '--', 'ls', '-l', '--', 'x'], ['web01'], ['ls', '-l', '--', 'x']],
    [['exec', 'a*', 'b', '--user', 'u', '--', 'true'], ['a*', 'b'], ['true']],
    [['exec', '--tag', 't', '--', 'echo', '--user', 'x'], [], ['echo', '--user', 'x']],
    [['exec', 'web01', 'uptime'], ['web01', 'uptime'], undefined],
    [['exec', 'web01', '--'], ['web01'], []],
    [['list', '--', '-x'], ['-x'], undefined],
  ];
  it.each(table)('%j', async (args, operands, rest) => {
    const { invocation } = await parse(args);
    expect(invocation?.args).toEqual(operands);
    expect(invocation?.rest).toEqual(rest);
  });
});

describe('commands', () => {
  const table: [args: string[], command: string, operands: string[]][] = [
    [['plan', '-f', 'a.yaml'], 'plan', []],
    [['ls', 'web*'], 'list', ['web*']],
    [['rm', 'web01', 'web02'], 'delete', ['web01', 'web02']],
    [['template', 'ls'], 'template list', []],
    [['task', 'wait', 'UPID:x'], 'task wait', ['UPID:x']],
    [['api', 'GET', '/nodes', 'a=1', 'b=2'], 'api', ['GET', '/nodes', 'a=1', 'b=2']],
    [['api', 'explain', '/nodes'], 'api explain', ['/nodes']],
    [['sim', 'serve', '--port', '0'], 'sim serve', []],
    [['completion', 'bash'], 'completion', ['bash']],
  ];
  it.each(table)('%j is %s', async (args, command, operands) => {
    const { invocation } = await parse(args);
    expect(invocation?.command).toBe(command);
    expect(invocation?.args).toEqual(operands);
  });

  it('knows every command of the interface that is due', async () => {
    const { invocation } = await parse(['completion', 'bash']);
    const names = invocation?.describe().commands.map((command) => command.names[0]);
    expect(names).toEqual([
      'init',
      'doctor',
      'validate',
      'plan',
      'apply',
      'verify',
      'reset',
      'tick',
      'destroy',
      'list',
      'show',
      'import',
      'create',
      'clone',
      'resize',
      'start',
      'stop',
      'shutdown',
      'restart',
      'freeze',
      'unfreeze',
      'delete',
      'attach',
      'exec',
      'cp',
      'password',
      'snapshot',
      'template',
      'task',
      'api',
      'sim',
      'schema',
      'completion',
    ]);
  });
});

describe('shared flags', () => {
  it('stand before or after the command', async () => {
    expect(await optionsOf(['-o', 'json', 'list'])).toMatchObject({ output: 'json' });
    expect(await optionsOf(['list', '-o', 'json'])).toMatchObject({ output: 'json' });
    expect(await optionsOf(['list'])).toMatchObject({ output: 'human' });
  });

  const table: [name: string, args: string[], env: Record<string, string>, want: Record<string, unknown>][] =
    [
      ['the environment sets a value', [], { PVEFLEET_OUTPUT: 'ndjson' }, { output: 'ndjson' }],
      ['a flag wins over the environment', ['-o', 'json'], { PVEFLEET_OUTPUT: 'ndjson' }, { output: 'json' }],
      ['a switch takes 1', [], { PVEFLEET_YES: '1' }, { yes: true }],
      ['a switch takes 0', [], { PVEFLEET_YES: '0' }, { yes: undefined }],
      ['an empty switch is off', [], { PVEFLEET_YES: '' }, { yes: undefined }],
      ['a negated switch', [], { PVEFLEET_NO_INPUT: 'true' }, { input: false }],
      ['lists are split', ['--allow', 'destroy,recreate'], {}, { allow: ['destroy', 'recreate'] }],
      ['lists may be repeated', ['--target', 'a,b', '--target', 'c*'], {}, { target: ['a', 'b', 'c*'] }],
      ['lists come from the environment', [], { PVEFLEET_ALLOW: 'destroy' }, { allow: ['destroy'] }],
      ['numbers come from the environment', [], { PVEFLEET_MAX_DESTROY: '3' }, { maxDestroy: 3 }],
      ['zero is a number', ['--max-destroy', '0'], {}, { maxDestroy: 0 }],
    ];
  it.each(table)('%s', async (_, args, env, want) => {
    const options = await optionsOf(['apply', '-f', 'x', ...args], env);
    for (const [key, value] of Object.entries(want)) expect(options[key]).toEqual(value);
  });

  it('takes both names of the host name', async () => {
    expect(await optionsOf(['create', '--name', 'a'])).toMatchObject({ hostname: 'a' });
    expect(await optionsOf(['create', '--hostname', 'a'])).toMatchObject({ hostname: 'a' });
  });
});

describe('wrong usage', () => {
  const table: [name: string, args: string[], env: Record<string, string>, message: string, hint: string][] =
    [
      ['an unknown command', ['aply'], {}, "unknown command 'aply'", 'did you mean apply?'],
      ['an unknown subcommand', ['task', 'lst'], {}, "unknown command 'lst'", 'did you mean'],
      ['an unknown flag', ['plan', '--targt', 'x'], {}, "unknown option '--targt'", 'did you mean --target?'],
      ['a missing operand', ['show'], {}, "missing required argument 'name'", 'see pvefleet'],
      ['too many operands', ['show', 'a', 'b'], {}, 'too many arguments', 'see pvefleet'],
      [
        'a bad choice',
        ['list', '-o', 'xml'],
        {},
        'It takes one of human, json, ndjson, markdown, junit, csv.',
        '',
      ],
      [
        'a bad permission',
        ['apply', '--allow', 'all'],
        {},
        "'all' is none of destroy, recreate, restart.",
        '',
      ],
      ['a negative number', ['apply', '--max-destroy', 'few'], {}, 'It takes a whole number from 0.', ''],
      [
        'a variable that is no number',
        ['apply'],
        { PVEFLEET_MAX_DESTROY: 'few' },
        "PVEFLEET_MAX_DESTROY='few'",
        '',
      ],
      [
        'a report of a command that has none',
        ['list', '-o', 'junit'],
        {},
        'is for plan, apply, verify and freeze',
        '',
      ],
      [
        'a report from the environment',
        ['template', 'list'],
        { PVEFLEET_OUTPUT: 'markdown' },
        'not for template list',
        '',
      ],
      [
        'a variable that is no switch',
        ['list'],
        { PVEFLEET_YES: 'maybe' },
        "PVEFLEET_YES: 'maybe' is neither",
        '',
      ],
    ];
  it.each(table)('%s', async (_, args, env, message, hint) => {
    const { failure } = await parse(args, env);
    const error = usageError(failure as never);
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  it('never repeats the value of an unknown flag', async () => {
    const { failure } = await parse(['list', '--pasword=hunter2']);
    expect(JSON.stringify(usageError(failure as never))).not.toContain('hunter2');
  });
});

describe('help', () => {
  it('names commands by group, shared flags and exit codes', async () => {
    const { out, failure } = await parse(['--help']);
    expect(failure).toMatchObject({ exitCode: 0 });
    for (const text of [
      'Fleets:',
      'Containers:',
      'Connection:',
      '--events-file',
      'Exit codes:',
      'PVEFLEET_URL',
    ])
      expect(out).toContain(text);
  });

  it('shows the shared flags of a subcommand', async () => {
    const { out } = await parse(['apply', '--help']);
    expect(out).toContain('--fail-fast');
    expect(out).toContain('--output');
  });

  it('prints the version of the package', async () => {
    const { out, failure } = await parse(['--version']);
    expect(failure).toMatchObject({ exitCode: 0 });
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
