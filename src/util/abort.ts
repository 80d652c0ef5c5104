/** Small helpers around AbortSignal; rejections always carry `signal.reason`. */

/**
 * Rejects when the signal aborts, else follows the promise. The promise itself goes on.
 *
 * @param promise - work that may be abandoned.
 * @param signal - when to stop waiting.
 * @returns the promise's value.
 * @throws `signal.reason` when aborted first.
 */
export function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) {
      promise.catch(() => undefined);
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
