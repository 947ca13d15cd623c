/**
 * The decoders, each imported only when data of its format is met.
 *
 * @module
 */

import type { FormatName } from "./format.ts";
import type { Decode } from "./input/decoder.ts";

/** The decoder of each format that is unpacked. */
const DECODERS: { readonly [F in FormatName]?: () => Promise<Decode> } = {
  gzip: importInflate,
  xz: async () => (await import("./xz/unpack_xz.ts")).unpackXz,
  zstd: async () => (await import("./zstd/unpack_zstd.ts")).unpackZstd,
  lz4: async () => (await import("./lz4/unpack_lz4.ts")).unpackLz4,
  "lz4-legacy": async () => (await import("./lz4/unpack_lz4.ts")).unpackLz4Legacy,
  bzip2: async () => (await import("./bzip2/unpack_bzip2.ts")).unpackBzip2,
  lzma: async () => (await import("./lzma/unpack_lzma.ts")).unpackLzma,
};

/** The formats that are unpacked: those with a decoder, and images of Linux, whose payload is in one of them. */
export const UNPACKED_FORMATS: readonly FormatName[] = [...Object.keys(DECODERS) as FormatName[], "bzimage"];

/**
 * Imports the decoder of a format.
 *
 * @param format The format.
 * @returns The decoder; `undefined` if data of this format is not unpacked.
 */
export function decoderOf(format: FormatName): Promise<Decode> | undefined {
  return DECODERS[format]?.();
}

/**
 * Whether data of a format is unpacked.
 *
 * @param format The format.
 * @returns True if there is a decoder.
 */
export function isUnpacked(format: FormatName): boolean {
  return DECODERS[format] !== undefined;
}

/** zlib inflates member by member; browsers do not have it. */
async function importInflate(): Promise<Decode> {
  try {
    return (await import("./gzip/inflate.ts")).inflate;
  } catch {
    return (await import("./gzip/inflate_stream.ts")).inflateStream;
  }
}
