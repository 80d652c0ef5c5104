/** The script that runs a command apart from the console, in a shell of this machine: every exit code there is. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runScript } from '../../../src/console/command-script.ts';

const folder = mkdtempSync(join(tmpdir(), 'pvefleet-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('keeps the exit codes 0 to 255 of a command', () => {
  writeFileSync(join(folder, 'run'), runScript(folder, folder, {}));
  const loop = `cd "$1"; c=0; while [ $c -lt 256 ]; do
    echo "echo $c; exit $c" >cmd; shift $#; . ./run; cat o x; rm x; c=$(($(cat o)+1))
  done`;
  const output = execFileSync('sh', ['-c', loop, 'sh', folder], { encoding: 'utf8' });
  const lines = output.trim().split('\n');
  expect(lines).toEqual(Array.from({ length: 256 }, (_, code) => [String(code), `${code} - -`]).flat());
});
