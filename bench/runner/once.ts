/** Values that several workloads share, made when the first of them asks. */

/** Returns a function that calls `make` once. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
