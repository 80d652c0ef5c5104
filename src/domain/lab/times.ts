/** Instants as records and messages write them. */

/**
 * Spells an instant.
 *
 * @param ms - since the epoch.
 * @returns ISO 8601 in UTC, in whole seconds: `2026-11-23T16:00:00Z`.
 */
export const spellTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
