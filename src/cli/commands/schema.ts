/** `schema [NAME]`: prints a JSON Schema that ships with the package. */
import { readdir, readFile } from 'node:fs/promises';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { suggest } from '../../util/suggest.ts';
import { assetPath } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

const ending = '.schema.json';

export async function run({ args }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const name = args[0] ?? 'fleet';
  const files = await readdir(assetPath('config/schema'));
  const names = files
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();
  if (!names.includes(name)) {
    const near = suggest(name, names);
    throw new UsageError(`there is no schema '${name}'`, {
      hint: near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`,
    });
  }
  const text = await readFile(assetPath(`config/schema/${name}${ending}`), 'utf8');
  const schema: unknown = JSON.parse(text);
  // A schema is JSON in every format; with -o json it comes wrapped, so that the document has its `format` key.
  runtime.output.result(
    { format: 'pvefleet.schema/1', name, schema },
    () => `${JSON.stringify(schema, null, 2)}\n`,
  );
  return 0;
}
