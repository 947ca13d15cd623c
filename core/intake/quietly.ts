/**
 * Cleanup whose failure no longer matters.
 *
 * @module
 */

/**
 * Calls a function and ignores its failure, whether it throws or rejects.
 *
 * @param work The function.
 * @returns A promise that resolves when the work has settled.
 */
export async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // The caller already has its result, or its error.
  }
}
