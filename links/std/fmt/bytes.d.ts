/** Options for {@linkcode format}. */
export interface FormatOptions {
  /** Counts bits instead of bytes: `kbit` for `kB`. */
  bits?: boolean;
  /** Uses powers of 1024: `kiB` for `kB`. */
  binary?: boolean;
  /** Puts a plus sign before a positive number. */
  signed?: boolean;
  /** Formats the number for a locale: `true` for the system's own, or language tags. */
  locale?: boolean | string | string[];
  /** The smallest number of fraction digits. */
  minimumFractionDigits?: number;
  /** The largest number of fraction digits. */
  maximumFractionDigits?: number;
}

/** Writes a number of bytes for people to read: 1337 becomes `1.34 kB`. */
export declare function format(num: number, options?: FormatOptions): string;
