/** `npm run generate:schemas`: writes the JSON Schemas that are generated from the format of fleet files. */
import { writeFileSync } from 'node:fs';
import { blueprintJsonSchema, fleetJsonSchema } from '../spec/json-schema.ts';

const files: readonly [name: string, schema: object][] = [
  ['fleet', fleetJsonSchema()],
  ['blueprint', blueprintJsonSchema()],
];
for (const [name, schema] of files)
  writeFileSync(
    new URL(`../../config/schema/${name}.schema.json`, import.meta.url),
    `${JSON.stringify(schema, null, 2)}\n`,
  );
