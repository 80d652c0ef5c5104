/** What starting costs: `--help` loads commander and the tree, and nothing of what commands need. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { spawnCli, temporaryFolder } from '../../support/run-cli.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Files of ours and packages that a run loads, as V8 saw them. */
async function loadedBy(args: readonly string[]): Promise<{ own: string[]; packages: string[] }> {
  const folder = temporaryFolder();
  await spawnCli(args, { env: { NODE_V8_COVERAGE: folder } });
  const files = readdirSync(folder).flatMap((file) => {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: { url: string }[] };
    return report.result.filter(({ url }) => url.startsWith('file:')).map(({ url }) => fileURLToPath(url));
  });
  const inside = files.filter((file) => file.startsWith(root)).map((file) => file.slice(root.length));
  return {
    own: inside.filter((file) => file.startsWith('dist/')).sort(),
    packages: [
      ...new Set(inside.flatMap((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])),
    ].sort(),
  };
}

describe('start-up', () => {
  beforeAll(ensureBuilt, 180_000);

  it.each([[['--help']], [['apply', '--help']], [['--version']]])(
    '%j loads the command tree only',
    async (args) => {
      const { own, packages } = await loadedBy(args);
      expect(packages).toEqual(['commander']);
      expect(own.filter((file) => !file.startsWith('dist/cli/command-rows/'))).toEqual(
        ['bin', 'options', 'program', 'run-program'].map((name) => `dist/cli/${name}.js`),
      );
    },
  );

  it('validate loads neither the client nor the simulator nor any question', async () => {
    const { own, packages } = await loadedBy(['validate', '-f', join(root, 'config/examples/demo.yaml')]);
    expect(
      packages.filter((name) =>
        ['axios', 'msw', '@inquirer/prompts', 'selfsigned', 'log-update'].includes(name),
      ),
    ).toEqual([]);
    expect(own.filter((file) => /^dist\/(api|simulator|prompts)\//.test(file))).toEqual([]);
  });
});
