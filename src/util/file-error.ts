/** Why files cannot be read, in words. Reads none itself. */
import { messageOf } from './errors.ts';

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/**
 * Says why a file cannot be read.
 *
 * @param error - of the file system.
 * @returns for example `permission denied`.
 */
export function fileReason(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return words[String(code)] ?? messageOf(error);
}
