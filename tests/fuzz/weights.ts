/** How often the generator takes a turn that not every case needs, and what is not yet asked of a load. */

/** Probabilities and numbers, by what they are for. */
export const WEIGHTS = {
  /**
   * Probability of a file with many headers of one type that a load should count once or merge: `PT_GNU_RELRO`,
   * `PT_DYNAMIC`, `PT_OPENBSD_RANDOMIZE` and `PT_TLS`.
   */
  repeatedHeaders: 0.05,
  /** The most such headers of one file. */
  repeatedHeadersMost: 400,
  /**
   * Whether the default rules must refuse relocation tables outside the file bytes of segments and `PT_DYNAMIC` headers
   * that differ, and count headers that do not as one. Otherwise such files are only checked for what holds of every
   * file.
   */
  boundsTables: true,
};
