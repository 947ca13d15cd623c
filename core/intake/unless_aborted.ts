/**
 * Waiting that an abort can end.
 *
 * @module
 */

import { hasMethod } from "./value_kind.ts";

/**
 * Waits for a promise, but rejects with the signal's reason as soon as it aborts.
 *
 * @param value What to wait for: a promise, or a plain value.
 * @param signal The signal, if any.
 * @returns What the promise resolves to.
 */
export function unlessAborted<T>(value: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal || !hasMethod(value, "then")) return Promise.resolve(value);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const settle = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    Promise.resolve(value).then(resolve, reject).finally(settle);
    if (signal.aborted) abort();
  });
}
