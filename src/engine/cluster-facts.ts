/** Facts about the whole cluster that planning needs: version and tag style. */
import { PveError } from '../api/errors/pve-error.ts';
import { splitList } from '../codec/list.ts';
import { decodeBoolean } from '../codec/scalar.ts';
import type { ClusterSnapshot } from '../domain/actual.ts';
import type { EngineContext } from './context.ts';

/** The part of a snapshot that is read here. */
export type ClusterFacts = Pick<ClusterSnapshot, 'tagRules' | 'tagStyle' | 'version'>;

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

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : typeof value === 'string' ? splitList(value) : [];

/**
 * Decodes which tags are not free to all. Accounts without Sys.Audit are not told; for them tags count as free.
 *
 * @param options - answer of GET /cluster/options.
 * @returns the rules, or undefined where there are none.
 */
function decodeTagRules(options: Readonly<Record<string, unknown>>): ClusterSnapshot['tagRules'] {
  const access = options['user-tag-access'];
  const registered = strings(options['registered-tags']);
  if (access === undefined && registered.length === 0) return undefined;
  const mode =
    typeof access === 'string'
      ? /(?:^|,)(?:user-allow=)?(free|existing|list|none)(?:,|$)/.exec(access)?.[1]
      : (access as Readonly<Record<string, unknown>> | undefined)?.['user-allow'];
  const free = mode === undefined || mode === 'free';
  return { free, allowed: strings(options['allowed-tags']), registered };
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
  const [{ version }, style] = await Promise.all([
    context.pve.get('/version', {}, options),
    context.pve.get('/cluster/options', {}, options).then(
      (answer): Omit<ClusterFacts, 'version'> => {
        const tagRules = decodeTagRules(answer);
        return { tagStyle: decodeTagStyle(answer['tag-style']), ...(tagRules ? { tagRules } : {}) };
      },
      (error: unknown) => {
        if (error instanceof PveError && error.status === 403) return { tagStyle: defaultTagStyle };
        throw error;
      },
    ),
  ]);
  return { version, ...style };
}
