/** What works without a cluster: usage errors, validation, explanations, schemas, completion. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { bin, runCli, temporaryFolder } from '../../support/run-cli.ts';

const demo = fileURLToPath(new URL('../../../config/examples/demo.yaml', import.meta.url));
const broken = 'version: 1\nfleet: lab\ncontainers:\n  web01:\n    node: pve1\n    memroy: 1GiB\n';

beforeAll(ensureBuilt, 180_000);

describe('wrong usage ends with 2', () => {
  const table: [name: string, args: string[], env: Record<string, string>, text: string[]][] = [
    ['an unknown command', ['aply'], {}, ["unknown command 'aply'", 'did you mean apply?']],
    ['an unknown flag', ['plan', '--targt=x'], {}, ["unknown option '--targt'", 'did you mean --target?']],
    [
      'a missing file',
      ['plan', '-f', 'nowhere.yaml'],
      {},
      ['cannot read the fleet file nowhere.yaml', 'no such file'],
    ],
    ['no file', ['plan'], {}, ['no fleet file was given', '-f FILE']],
    ['no connection', ['list'], {}, ['no connection is configured', 'pvefleet init']],
    ['no terminal for init', ['init'], {}, ['there is no terminal', 'PVEFLEET_URL']],
    ['nothing to resize', ['resize', 'web01'], {}, ['resize was not told what to change', '--memory']],
    ['a size without unit', ['resize', 'web01', '--memory', '512'], {}, ['--memory', 'did you mean 512MiB?']],
    ['both kinds of plan', ['apply', '-f', 'a', '--plan', 'b'], {}, ['exclude each other']],
    ['a bad environment', ['list'], { PVEFLEET_PARALLEL: 'many' }, ["PVEFLEET_PARALLEL='many'"]],
    [
      'plain http to another machine',
      ['list', '--url', 'http://pve1:8006', '--username', 'a@pve', '--password', 'env:HOME'],
      {},
      ['http'],
    ],
    [
      'an unknown path',
      ['api', 'GET', '/nodes/pve1/lcx'],
      {},
      ['the API has no path', 'did you mean /nodes/{node}/lxc?'],
    ],
    ['an unknown method', ['api', 'PATCH', '/nodes'], {}, ["'PATCH' is no method"]],
    [
      'a method that the path has not',
      ['api', 'POST', '/version'],
      {},
      ['/version has no POST', 'it has GET'],
    ],
    [
      'a value twice',
      ['api', 'GET', '/nodes/pve1/lxc', 'node=pve2'],
      {},
      ["'node' stands in the path already"],
    ],
    ['a template without value', ['api', 'GET', '/nodes/{node}/lxc'], {}, ['no value for {node}']],
    ['an unknown shell', ['completion', 'tcsh'], {}, ['bash, zsh or fish']],
    ['an unknown schema', ['schema', 'fleeet'], {}, ['did you mean fleet?']],
    ['a seed that is none', ['sim', 'serve', '--seed', 'nowhere.json'], {}, ['cannot read the seed']],
  ];
  it.each(table)('%s', async (_, args, env, texts) => {
    const cwd = temporaryFolder();
    const { code, stdout, stderr } = await runCli(args, { cwd, env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const text of texts) expect(stderr).toContain(text);
    const json = await runCli([...args, '-o', 'json'], { cwd, env });
    expect(json.code).toBe(2);
    expect(json.json()).toMatchObject({
      format: 'pvefleet.error/1',
      code: expect.any(String),
      message: expect.any(String),
    });
  });

  it('shows the help on stderr when no command is given', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: pvefleet');
  });

  it('never shows a secret that was put on the command line', async () => {
    const runs = await Promise.all(
      [
        ['list', '--url', 'https://pve1:8006', '--token-id', 'a@pve!b', '--token-secret', 'hunter2'],
        ['list', '--pasword=hunter2'],
        ['api', 'POST', '/access/ticket', 'hunter2'],
      ].map((args) => runCli([...args, '--verbose'])),
    );
    for (const { code, stdout, stderr } of runs) {
      expect(code).toBe(2);
      expect(stdout + stderr).not.toContain('hunter2');
    }
  });
});

describe('validate', () => {
  it('is content with the example', async () => {
    const { code, stdout, stderr } = await runCli(['validate', '-f', demo]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('is valid: fleet demo, 12 containers.');
  });

  it('lists every finding with its place and what to do, from stdin', async () => {
    const { code, stdout } = await runCli(['validate', '-f', '-'], { input: broken });
    expect(code).toBe(3);
    expect(stdout).toContain('<stdin>:6:5');
    expect(stdout).toContain("did you mean 'memory'?");
    expect(stdout).toContain('template');
  });

  it('gives findings as data', async () => {
    const { code, json } = await runCli(['validate', '-f', '-', '-o', 'json'], { input: broken });
    expect(code).toBe(3);
    const document = json<{ valid: boolean; diagnostics: { code: string; range: { line: number } }[] }>();
    expect(document).toMatchObject({ format: 'pvefleet.validate/1', valid: false });
    expect(document.diagnostics).toContainEqual(
      expect.objectContaining({
        code: 'SPEC_UNKNOWN_KEY',
        range: expect.objectContaining({ line: 6, column: 5 }),
      }),
    );
  });

  it('finds blueprints beside the file and in the package, but nothing outside', async () => {
    const cwd = temporaryFolder();
    const fleet = (name: string) =>
      `version: 1\nfleet: lab\ncontainers:\n  a: { node: pve1, template: debian-13, rootfs: { storage: local, size: 4GiB }, blueprint: ${name} }\n`;
    writeFileSync(join(cwd, 'own.yaml'), 'cores: 2\n');
    writeFileSync(join(cwd, 'fleet.yaml'), fleet('own'));
    expect(await runCli(['validate', '-f', 'fleet.yaml'], { cwd })).toMatchObject({ code: 0 });
    writeFileSync(join(cwd, 'fleet.yaml'), fleet('../own'));
    expect(await runCli(['validate', '-f', 'fleet.yaml'], { cwd })).toMatchObject({ code: 3 });
  });
});

describe('a fleet file with errors', () => {
  it.each(['plan', 'apply', 'verify', 'destroy'])(
    'ends %s with 3 before anything is asked',
    async (command) => {
      // Nobody listens there: a request would end with 4.
      const env = {
        PVEFLEET_URL: 'https://127.0.0.1:1',
        PVEFLEET_TOKEN_ID: 'a@pve!b',
        PVEFLEET_TOKEN_SECRET: 'c',
      };
      const { code, stdout, stderr } = await runCli([command, '-f', '-', '--yes'], { input: broken, env });
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain('<stdin>:6:5');
      const json = await runCli([command, '-f', '-', '--yes', '-o', 'json'], { input: broken, env });
      expect(json.json()).toMatchObject({ format: 'pvefleet.error/1', code: 'SPEC_INVALID' });
    },
  );
});

describe('texts', () => {
  it('explains a path', async () => {
    const { code, stdout } = await runCli(['api', 'explain', '/nodes/pve1/lxc']);
    expect(code).toBe(0);
    for (const text of [
      'GET /nodes/{node}/lxc',
      'POST /nodes/{node}/lxc',
      'ostemplate',
      'required',
      'integer 100..999999999',
      'bridge=',
    ])
      expect(stdout).toContain(text);
  });

  it('explains as data', async () => {
    const { json } = await runCli(['api', 'explain', '/version', '-o', 'json']);
    expect(json()).toMatchObject({
      format: 'pvefleet.explain/1',
      path: '/version',
      operations: [{ method: 'GET' }],
    });
  });

  it('prints the schema of fleet files', async () => {
    const { json } = await runCli(['schema']);
    expect(json()).toMatchObject({ type: 'object', properties: { fleet: expect.anything() } });
  });

  // each shell is asked what it would offer; zsh's own functions stand in for its line editor
  const shells: [shell: string, args: string[], script: string, want: string][] = [
    [
      'bash',
      ['-c'],
      `offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _pvefleet; echo "\${COMPREPLY[*]}"; }
      offer pvefleet template d
      offer pvefleet resize web01 --mem
      offer pvefleet list -o j`,
      'download delete\n--memory\njson junit\n',
    ],
    [
      'zsh',
      ['-f', '-c'],
      `_describe() { print -r -- \${(PM)2:#$words[CURRENT]*} }
      compadd() { print -r -- \${(M)@:#$words[CURRENT]*} }
      offer() { words=("$@"); CURRENT=$#; _pvefleet }
      offer pvefleet template lo
      offer pvefleet resize web01 --mem
      offer pvefleet list -o j`,
      "lock:pin the fleet's templates in templates.lock; changes no cluster\n--memory:for example 2GiB\njson junit\n",
    ],
    [
      'fish',
      ['--no-config', '-c'],
      `complete -C 'pvefleet template d'
      complete -C 'pvefleet resize web01 --mem'
      complete -C 'pvefleet list -o j'`,
      'delete\tdelete storage:vztmpl/file\ndownload\tdownload from the catalogue, from a URL (--url) or a registry (--oci)\n--memory\tfor example 2GiB\njson\njunit\n',
    ],
  ];
  it.for(shells)('prints completions that %s can read', async ([shell, args, script, want], { skip }) => {
    const { code, stdout } = await runCli(['completion', shell]);
    expect(code).toBe(0);
    const prelude = shell === 'zsh' ? 'compdef() { }\n' : '';
    const run = spawnSync(shell, [...args, `${prelude}${stdout}\n${script}`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: temporaryFolder() },
    });
    if (run.error && 'code' in run.error && run.error.code === 'ENOENT') return skip(`no ${shell} here`);
    expect([run.stdout, run.stderr]).toEqual([want, '']);
  });
});

it('is not troubled by a reader that goes away', async () => {
  const child = spawn('bash', [
    '-c',
    `"${process.execPath}" "${bin}" api explain /nodes/x/lxc | head -1; exit \${PIPESTATUS[0]}`,
  ]);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
