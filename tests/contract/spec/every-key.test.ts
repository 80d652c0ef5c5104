/** No parameter of a container without a key in the fleet file, or a reason. */
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../src/schema/load.ts';
import { extraParameters, type KeyRow, parameters, subkeys } from '../../support/every-key.ts';

const { operations } = loadSchema();
const propertiesOf = (operation: string) => {
  const found = operations[operation];
  if (!found) throw new Error(`the schema has no ${operation}`);
  return found.parameters.properties;
};
const places = ['POST /nodes/{node}/lxc', 'PUT /nodes/{node}/lxc/{vmid}/config'];
const all = Object.assign({}, ...places.map(propertiesOf)) as ReturnType<typeof propertiesOf>;

describe('every key', () => {
  it('each parameter of creation and configuration has a field or a reason', () => {
    expect(Object.keys(parameters).sort()).toEqual(Object.keys(all).sort());
  });

  it.each(Object.keys(subkeys))('each sub-key of %s has a field or a reason', (name) => {
    const format = all[name]?.format;
    expect(typeof format).toBe('object');
    expect(Object.keys(subkeys[name] ?? {}).sort()).toEqual(Object.keys(format as object).sort());
  });

  it('knows all property strings', () => {
    const formatted = Object.entries(all).filter(([, { format }]) => typeof format === 'object');
    expect(formatted.map(([name]) => name).sort()).toEqual(Object.keys(subkeys).sort());
  });

  it.each(Object.keys(extraParameters))('each parameter of %s has a field or a reason', (operation) => {
    expect(Object.keys(extraParameters[operation] ?? {}).sort()).toEqual(
      Object.keys(propertiesOf(operation)).sort(),
    );
  });

  it('reasons say something', () => {
    const rows: KeyRow[] = [parameters, ...Object.values(subkeys), ...Object.values(extraParameters)].flatMap(
      (table) => Object.values(table),
    );
    const reasons = rows.flatMap((row) => ('reason' in row ? [row.reason] : []));
    expect(reasons.length).toBeGreaterThan(10);
    for (const reason of reasons) expect(reason.length).toBeGreaterThan(8);
  });
});
