/**
 * Builds `dist` when it is older than the sources. Called by the tests that run the built command line, so that all
 * other tests need no build; a lock keeps parallel test files from building at the same time.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const lock = join(root, 'node_modules/.cache/pvefleet-build.lock');
/** Process id of the test run that last looked; its threads must not build under each other's feet. */
const stamp = join(root, 'node_modules/.cache/pvefleet-built-by');

function newestSource(): number {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  return Math.max(
    ...[...paths, join(root, 'tsconfig.build.json'), join(root, 'package.json')].map(
      (path) => statSync(path).mtimeMs,
    ),
  );
}

function wasChecked(): boolean {
  const written = statSync(stamp, { throwIfNoEntry: false });
  const isRecent = written !== undefined && Date.now() - written.mtimeMs < 1_800_000;
  return isRecent && readFileSync(stamp, 'utf8') === String(process.pid);
}

function isFresh(): boolean {
  const built = statSync(join(root, 'dist/cli/bin.js'), { throwIfNoEntry: false });
  return built !== undefined && built.mtimeMs >= newestSource();
}

function takeLock(): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    // A lock that a killed run left behind must not stop everybody for ever.
    const held = statSync(lock, { throwIfNoEntry: false });
    if (held && Date.now() - held.mtimeMs > 180_000) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function build(): void {
  try {
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'pipe', encoding: 'utf8' });
  } catch (error) {
    throw new Error(`npm run build failed:\n${(error as { stdout?: string }).stdout ?? String(error)}`);
  }
}

/**
 * Makes sure that `dist/cli/bin.js` is what `src` says.
 *
 * @throws when the build fails, with the compiler's output.
 */
export async function ensureBuilt(): Promise<void> {
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
  for (;;) {
    if (takeLock()) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    if (wasChecked()) return;
    if (!isFresh()) build();
    writeFileSync(stamp, String(process.pid));
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}
