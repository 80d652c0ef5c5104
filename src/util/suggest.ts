/** "Did you mean …" for keys, names and commands. */

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      current.push(
        Math.min(
          (previous[j] as number) + 1,
          (current[j - 1] as number) + 1,
          (previous[j - 1] as number) + cost,
        ),
      );
    }
    previous = current;
  }
  return previous[b.length] as number;
}

/**
 * Finds the candidate that was probably meant.
 *
 * @param given - what was written.
 * @param candidates - what is allowed.
 * @returns the nearest candidate, or `undefined` when none is near.
 */
export function suggest(given: string, candidates: Iterable<string>): string | undefined {
  const fold = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/g, '');
  const wanted = fold(given);
  const ranked = [...candidates]
    .map((candidate) => ({ candidate, score: distance(wanted, fold(candidate)) }))
    .sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1));
  const best = ranked[0];
  return best && best.score <= Math.max(1, Math.floor(wanted.length / 3)) ? best.candidate : undefined;
}
