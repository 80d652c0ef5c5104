/** Facts about the whole cluster that planning needs: version and tag style. */
import { PveError } from '../api/errors/pve-error.ts';
import { decodeBoolean } from '../codec/scalar.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import type { EngineContext } from './context.ts';

/** The part of a snapshot that is read here. */
export type ClusterFacts = Pick<ClusterSnapshot, 'tagStyle' | 'version'>;

const defaultTagStyle: ClusterSnapshot['tagStyle'] = { caseSensitive: false, keepOrder: false };

/**
 * Decodes the datacenter's tag style, which comes as an object or as a property string.
 *
 * @param value - `tag-style` of GET /cluster/options.
 * @returns how tags are stored.
 */
export function decodeTagStyle(value: unknown): ClusterSnapshot['tagStyle'] {
  const members =
    typeof value === 'string'
      ? Object.fromEntries(value.split(',').map((pair) => pair.split('=', 2) as [string, string]))
      : typeof value === 'object' && value !== null
        ? (value as Readonly<Record<string, unknown>>)
        : {};
  return {
    caseSensitive: decodeBoolean(members['case-sensitive']) ?? false,
    keepOrder: members['ordering'] === 'config',
  };
}

/**
 * Reads the facts.
 *
 * @param wanted - false: nothing is asked, and the defaults are given.
 * @returns version and tag style; the default style for an account that may not read the options.
 */
export async function readClusterFacts(context: EngineContext, wanted: boolean): Promise<ClusterFacts> {
  if (!wanted) return { tagStyle: defaultTagStyle };
  const options = { signal: context.signal };
  const [{ version }, tagStyle] = await Promise.all([
    context.pve.get('/version', {}, options),
    context.pve.get('/cluster/options', {}, options).then(
      (answer) => decodeTagStyle(answer['tag-style']),
      (error: unknown) => {
        if (error instanceof PveError && error.status === 403) return defaultTagStyle;
        throw error;
      },
    ),
  ]);
  return { version, tagStyle };
}
