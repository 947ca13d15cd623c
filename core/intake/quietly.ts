/**
 * Letting go of things whose failure no longer matters.
 *
 * @module
 */

/**
 * Does something at once and ignores its failure, whether it throws or rejects.
 *
 * @param work What to do.
 * @returns A promise that resolves once it has settled.
 */
export async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // The caller has its result already, or its error.
  }
}
