/**
 * Errors of unpacking.
 *
 * @module
 */

import type { FormatAdvice, FormatName } from "./format.ts";

/** Compressed data that cannot be unpacked. */
export class UnpackError extends Error {
  /** Always "UnpackError". */
  override readonly name = "UnpackError";
  /** The format of the data. */
  readonly format: FormatName;
  /** What to do about it, if there is something that helps. */
  readonly advice?: FormatAdvice;

  /**
   * Creates an error.
   *
   * @param format The format of the data.
   * @param message What is wrong with it.
   * @param advice What to do about it. Default: the command that tests such files, if there is one.
   */
  constructor(format: FormatName, message: string, advice: FormatAdvice | undefined = testing(format)) {
    super(message);
    this.format = format;
    if (advice) this.advice = advice;
  }
}

/** The commands that test whether compressed files are intact. */
const TESTS: { readonly [F in FormatName]?: string } = {
  gzip: "gzip -t",
  xz: "xz -t",
  zstd: "zstd -t",
  lz4: "lz4 -t",
  "lz4-legacy": "lz4 -t",
  bzip2: "bzip2 -t",
  lzma: "xz -t --format=lzma",
};

function testing(format: FormatName): FormatAdvice | undefined {
  const test = TESTS[format];
  return test === undefined
    ? undefined
    : { hint: `Compare it with the original; ${test} checks whether it is intact.` };
}

/** The name of a container in messages. */
const CALLED: { readonly [F in FormatName]?: string } = { bzimage: "bzImage", "lz4-legacy": "legacy lz4 data" };

function called(format: FormatName): string {
  return CALLED[format] ?? `${format} data`;
}

/**
 * The error of data that contradicts itself or its format.
 *
 * @param format The format of the data.
 * @param what What is wrong.
 * @returns The error.
 */
export function damaged(format: FormatName, what: string): UnpackError {
  return new UnpackError(format, `the ${called(format)} is damaged: ${what}`);
}

/**
 * The error of data that ends too early.
 *
 * @param format The format of the data.
 * @returns The error.
 */
export function truncated(format: FormatName): UnpackError {
  return new UnpackError(format, `the ${called(format)} is truncated`);
}

/**
 * The error of data that could be unpacked if other decoders did not hold the memory.
 *
 * @param format The format of the data.
 * @returns The error.
 */
export function outOfMemory(format: FormatName): UnpackError {
  const advice = { hint: "Unpack fewer files at a time." };
  return new UnpackError(format, `there is no memory left to unpack the ${called(format)}`, advice);
}

/**
 * The error of data that uses what its decoder lacks.
 *
 * @param format The format of the data.
 * @param what What it uses.
 * @param command The command that unpacks it.
 * @returns The error.
 */
export function unsupported(format: FormatName, what: string, command?: string): UnpackError {
  const advice = command === undefined ? undefined : { hint: "Unpack it with the tool that made it:", command };
  return new UnpackError(format, `the ${called(format)} uses ${what}, which kload cannot unpack`, advice);
}
