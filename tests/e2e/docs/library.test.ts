/** What the README shows of the library, run against the package as it is published. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';
import { temporaryFolder } from '../../support/run-cli.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const [, chapter = ''] = readme.split('## As a library');
const blocks = [...chapter.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);

/** In a project that has the package and MSW installed. */
async function run(text: string): Promise<string> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/pvefleet'));
  symlinkSync(join(root, 'node_modules/msw'), join(folder, 'node_modules/msw'));
  const file = join(folder, 'block.mts');
  writeFileSync(file, text);
  const tsx = import.meta.resolve('tsx');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, file], { cwd: folder });
  return stdout;
}

it('shows a test with the simulated cluster that runs', async () => {
  await ensureBuilt();
  expect(blocks).toHaveLength(2);
  expect(await run(blocks[1] as string)).toBe("[ 'pve1', 'pve2', 'pve3' ]\n[ 'GET /nodes' ]\n");
}, 180_000);
