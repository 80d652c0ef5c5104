/** `cp`: files and folders into a container, or out of one. */
import { copy } from '../../engine/inside/copy.ts';
import { renderCopy } from '../../render/inside.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { offerShell, oneContainer } from '../inside.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

interface Place {
  /** Absent: a path of this machine. */
  readonly name?: string;
  readonly path: string;
}

/** `NAME:PATH`; a path of this machine that has a colon is written with `./` in front. */
function placeOf(word: string): Place {
  const [, name, path] = /^([^/:]+):(.*)$/s.exec(word) ?? [];
  return name === undefined || path === undefined || name === '.' || name === '..'
    ? { path: word }
    : { name, path: path === '' ? '.' : path };
}

const usage =
  'pvefleet cp SOURCE… NAME:/PATH copies into a container, pvefleet cp NAME:/PATH… TARGET out of one';

export async function run({ args }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const places = args.map(placeOf);
  const sources = places.slice(0, -1);
  const target = places.at(-1);
  if (!target || sources.length === 0)
    throw new UsageError('cp needs a source and a target', { hint: usage });
  const names = new Set(sources.map(({ name }) => name));
  const [from] = names;
  if (names.size > 1) throw new UsageError('all sources must be in one place', { hint: usage });
  const name = target.name ?? from;
  if (name === undefined || (target.name !== undefined && from !== undefined)) {
    throw new UsageError('exactly one side of a copy is a container', { hint: usage });
  }
  const isIn = target.name !== undefined;
  const context = await runtime.connect();
  const container = await oneContainer(context, name);
  const ending = !isIn && target.path.endsWith('/') ? '/' : '';
  const inside = await offerShell(runtime, [container]);
  const document = await runtime.interrupts.whileApplying(() =>
    copy(context, container, {
      ...inside,
      direction: isIn ? 'in' : 'out',
      sources: sources.map(({ path }) => (isIn ? runtime.path(path) : path)),
      target: isIn ? target.path : runtime.path(target.path) + ending,
    }),
  );
  runtime.output.result(document, (style) => renderCopy(document, style));
  return runtime.interrupts.drain.aborted ? 130 : 0;
}
