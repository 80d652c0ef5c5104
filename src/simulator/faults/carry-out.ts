/** Carries out what strikes a request, around its work. Knows the wire, not the cluster. */
import type { Clock } from '../../util/clock.ts';
import { SimError } from '../context.ts';
import { type ConfigEdit, ConnectionDropped, type RequestFault } from '../faults.ts';
import { type Answer, errorAnswer, plainAnswer } from '../wire/answer.ts';

/** Answers that do not come from the API, and so without its envelope. */
const plainStatus: ReadonlySet<number> = new Set([401, 595, 596]);

function answerOf({ status, reason }: Extract<RequestFault, { kind: 'answer' }>): Answer {
  return plainStatus.has(status)
    ? plainAnswer(status, reason, false)
    : errorAnswer('json', new SimError(status, reason));
}

/** A fault in words, for the journal. */
export function describeFault(fault: RequestFault): string {
  if (fault.kind === 'latency') return `latency ${fault.ms} ms`;
  if (fault.kind === 'drop') return `drop ${fault.when}`;
  if (fault.kind === 'answer') return `answer ${fault.status} ${fault.when ?? 'before'}`;
  return `edit ${fault.when ?? 'after'}`;
}

/**
 * Does the work of a request, with what strikes it.
 *
 * @param hits - faults in the order of their rules.
 * @param work - answers the request.
 * @param options.edit - changes a container as somebody else would.
 * @throws ConnectionDropped when the connection shall break.
 */
export async function withFaults(
  hits: readonly RequestFault[],
  work: () => Promise<Answer>,
  options: { readonly clock: Clock; readonly edit: (edit: ConfigEdit) => Promise<void> },
): Promise<Answer> {
  const { clock, edit } = options;
  const give = async (hit: Extract<RequestFault, { kind: 'answer' }>): Promise<Answer> => {
    if (hit.delayMs !== undefined && hit.delayMs > 0) await clock.sleep(hit.delayMs);
    return answerOf(hit);
  };
  for (const hit of hits) {
    if (hit.kind === 'latency') await clock.sleep(hit.ms);
    else if (hit.kind === 'edit' && hit.when === 'before') await edit(hit.edit);
    else if (hit.kind === 'drop' && hit.when === 'before') throw new ConnectionDropped();
    else if (hit.kind === 'answer' && hit.when !== 'after') return give(hit);
  }
  const answer = await work();
  for (const hit of hits) if (hit.kind === 'edit' && hit.when !== 'before') await edit(hit.edit);
  for (const hit of hits) {
    if (hit.kind === 'drop') throw new ConnectionDropped();
    if (hit.kind === 'answer') return give(hit);
  }
  return answer;
}
