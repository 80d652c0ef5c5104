/** Collects findings while a file is read: each one once, in the order of the files. */
import type { Diagnostic } from '../util/diagnostic.ts';
import { type Place, rangeOf } from './tree.ts';

/** What is wrong, without the place. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Default: error. */
  readonly severity?: 'error' | 'warning' | undefined;
  /** What it is about, where several findings of one code may stand at one place; default: the message. */
  readonly topic?: string | undefined;
}

/** Another place that a finding speaks of. */
interface RelatedPlace {
  readonly message: string;
  readonly place: Place;
}

/** See {@link createFindings}. */
export interface Findings {
  report(problem: Problem, place: Place, related?: RelatedPlace): void;
  /** All findings, sorted by file (in the order they were first read) and position. */
  list(): Diagnostic[];
}

/**
 * Starts a collection.
 *
 * @param files - names of files in the order their findings shall come; others follow.
 * @returns the collection. A finding that repeats code, topic and place of an earlier one is dropped, so that a mistake
 *   in the defaults is told once and not for each container.
 */
export function createFindings(files: readonly string[] = []): Findings {
  const known = new Map<string, { diagnostic: Diagnostic; place: Place }>();
  return {
    report(problem, place, related) {
      const id = JSON.stringify([
        problem.code,
        problem.topic ?? problem.message,
        place.source.file,
        place.start,
      ]);
      if (known.has(id)) return;
      const { code, message, hint, severity = 'error' } = problem;
      known.set(id, {
        place,
        diagnostic: {
          severity,
          code,
          message,
          ...(hint === undefined ? {} : { hint }),
          range: rangeOf(place),
          ...(related === undefined
            ? {}
            : { related: [{ message: related.message, range: rangeOf(related.place) }] }),
        },
      });
    },
    list() {
      const order = [...files];
      for (const { place } of known.values())
        if (!order.includes(place.source.file)) order.push(place.source.file);
      return [...known.values()]
        .sort(
          (a, b) =>
            order.indexOf(a.place.source.file) - order.indexOf(b.place.source.file) ||
            a.place.start - b.place.start ||
            a.place.end - b.place.end,
        )
        .map(({ diagnostic }) => diagnostic);
    },
  };
}
