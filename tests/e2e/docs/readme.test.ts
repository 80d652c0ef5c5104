/** Every command of the README, run as it stands there against a simulated cluster. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { runCli, temporaryFolder } from '../../support/run-cli.ts';

const root = new URL('../../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

interface Block {
  readonly info: string;
  readonly text: string;
}
const blocks: Block[] = [...readme.matchAll(/^```(\w+)(?: +(\S+))?\n([\s\S]*?)^```$/gm)].map((match) => ({
  info: `${match[1]} ${match[2] ?? ''}`.trim(),
  text: match[3] as string,
}));

interface Command {
  readonly line: string;
  readonly args: readonly string[];
  readonly exit: number;
  /** With user and password: the server lets no token do it. */
  readonly asUser: boolean;
  /** Files that the README has shown before this command. */
  readonly files: Readonly<Record<string, string>>;
}

/** Splits a line as a shell does, as far as the README needs it: blanks and single quotes. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? (match[2] as string));

function commands(): Command[] {
  const files: Record<string, string> = {};
  return blocks.flatMap((block) => {
    const file = /^(?:yaml|csv) (\S+)$/.exec(block.info)?.[1];
    if (file) files[file] = block.text;
    if (block.info !== 'sh') return [];
    const lines = block.text.split('\n').filter((line) => line.startsWith('pvefleet '));
    return lines.map((line) => {
      const [command = '', comment = ''] = line.split(/\s+# /);
      return {
        line,
        args: words(command).slice(1),
        asUser: comment.startsWith('with a login'),
        exit: Number(/exit (\d+)/.exec(comment)?.[1] ?? 0),
        files: { ...files },
      };
    });
  });
}

describe('README', () => {
  let cluster: HttpsSimulator;
  const folder = temporaryFolder();

  beforeAll(async () => {
    await ensureBuilt();
    cluster = await startHttpsSimulator('small');
  });
  afterAll(() => cluster.close());

  it('has commands', () => {
    expect(commands().length).toBeGreaterThan(10);
  });

  it.each(commands())('$line', { timeout: 60_000 }, async ({ args, exit, files, asUser }) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { username, password } = cluster.simulator.credentials;
    const login = {
      PVEFLEET_TOKEN_ID: undefined,
      PVEFLEET_TOKEN_SECRET: undefined,
      PVEFLEET_USERNAME: username,
      PVEFLEET_PASSWORD: password,
    };
    const env = { ...cluster.env, ...(asUser ? login : {}) };
    const result = await runCli(args, { env, cwd: folder });
    expect(result.code, result.stderr + result.stdout).toBe(exit);
  });

  it('names npm scripts that exist, and CI runs the ones it promises', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map((match) => match[1] as string);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const ci = readFileSync(new URL('.ci/run', root), 'utf8');
    for (const command of ['npm install', 'npm run check', 'npm run demo']) expect(ci).toContain(command);
  });

  it('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] as string);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links)
      expect(() => readFileSync(fileURLToPath(new URL(link, root))), link).not.toThrow(/ENOENT/);
  });

  it('knows every command and every exit code of the program', async () => {
    const help = await runCli(['--help']);
    const names = [...help.stdout.matchAll(/^ {2}([a-z]+)(?:\|[a-z]+)? /gm)]
      .map((match) => match[1] as string)
      .filter((name) => name !== 'help');
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !readme.includes(`\`${name}`))).toEqual([]);
  });
});
