/** How often the generator takes a turn that not every case needs. */

/** Probabilities and weights, by what they are for. */
export const WEIGHTS = {
  /**
   * Probability of a file with many headers of one type that a load should count once or merge: `PT_GNU_RELRO`,
   * `PT_DYNAMIC`, `PT_OPENBSD_RANDOMIZE` and `PT_TLS`.
   */
  repeatedHeaders: 0,
  /** The most such headers of one file. */
  repeatedHeadersMost: 400,
  /**
   * Whether a relocation table that lies in mapped pages but not in the bytes of a segment must be refused under the
   * default rules; otherwise such a file is only checked for what holds of every file.
   */
  tablesMustLieInFileBytes: false,
} as const;
