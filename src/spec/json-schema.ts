/** JSON Schemas of the files that people write, for editors. Generated from the format itself; see cli/generate-schemas.ts. */
import { blueprintSchema, fleetSchemaForEditors, toJsonSchema } from './schema.ts';

const source = 'Generated from src/spec/schema.ts by npm run generate:schemas';

/** Puts the head of a schema before its content. */
function titled(title: string, schema: Record<string, unknown>): Record<string, unknown> {
  const { $schema, ...rest } = schema;
  return { $schema, $comment: source, title, ...rest };
}

/**
 * Describes fleet files.
 *
 * @returns JSON Schema, draft 7.
 */
export function fleetJsonSchema(): Record<string, unknown> {
  return titled('pvefleet fleet file', toJsonSchema(fleetSchemaForEditors));
}

/**
 * Describes blueprint files.
 *
 * @returns JSON Schema, draft 7.
 */
export function blueprintJsonSchema(): Record<string, unknown> {
  return titled('pvefleet blueprint', toJsonSchema(blueprintSchema));
}
