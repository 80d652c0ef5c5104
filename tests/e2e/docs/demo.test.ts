/** `npm run demo` in a terminal-less run: what it shows and how it ends. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.ts';

it('the demo does the main job and ends with 0', { timeout: 120_000 }, async () => {
  await ensureBuilt();
  const script = fileURLToPath(new URL('../../../dist/cli/demo.js', import.meta.url));
  const child = spawn(process.execPath, [script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  expect(code, text).toBe(0);
  expect(text).toContain('12 to create, 0 to change, 0 to destroy');
  expect(text).toMatch(
    /proxy01 kept running: up \d+ s before, \d+ s after; memory 512 MiB before, 2048 MiB after/,
  );
  expect(text).toContain('Nothing to do: 12 containers as the file says.');
  expect(text).toContain('(exit 7, as it should)');
  expect(text).toContain('Nothing to do: 2 containers as the file says.');
  expect(text).toContain('1 by rollback');
  expect(text.match(/Find the mistake in the server/g)).toHaveLength(2);
  expect(text).toContain('14 containers, 14 running.');
});
