/** Writes a file so that readers see the old one or the whole new one, never a part. */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a file; replaces an existing one only when the new one is complete.
 *
 * @param path - where to.
 * @param text - the whole content.
 * @param mode - its permissions, for example 0o600.
 * @throws Error of node:fs; nothing is left beside the file then.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${randomUUID()}.pvefleet`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}
