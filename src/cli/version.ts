/** Name and version of the tool, from package.json. */
import { readFileSync } from 'node:fs';
import { assetPath } from './files.ts';

/**
 * Names the tool.
 *
 * @returns for example `pvefleet 0.1.0`.
 */
export function toolName(): string {
  const { version } = JSON.parse(readFileSync(assetPath('package.json'), 'utf8')) as { version: string };
  return `pvefleet ${version}`;
}
