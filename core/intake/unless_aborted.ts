/**
 * Waiting that an abort ends.
 *
 * @module
 */

/**
 * Waits for a promise, but rejects with the signal's reason as soon as it aborts.
 *
 * @param value What to wait for; a value that is no promise is there already.
 * @param signal The signal, where there is one.
 * @returns What the promise gives.
 */
export function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!(value instanceof Promise)) return Promise.resolve(value);
  if (!signal) return value;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const settle = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    value.then(resolve, reject).finally(settle);
    if (signal.aborted) abort();
  });
}
