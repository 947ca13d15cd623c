/**
 * Writes the pieces of a file in order, with holes between them if the file can have any.
 *
 * @module
 */

/** A piece of a file; the bytes between two pieces are zero. */
export interface FilePiece {
  /** Where in the file it starts, at or after the end of the piece before. */
  readonly offset: number;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/** The pieces of a file, in order. */
export type FilePieces = AsyncIterable<FilePiece> | Iterable<FilePiece>;

/** Where the pieces go. */
export interface PieceWriter {
  /** Writes some of the bytes and resolves to their number. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** Moves to an offset; absent if the file cannot have holes. */
  readonly seek?: (offset: number) => Promise<unknown>;
  /** Sets the size; absent if the file cannot have holes. */
  readonly truncate?: (size: number) => Promise<unknown>;
}

/**
 * Adds offsets to consecutive pieces.
 *
 * @param pieces The pieces, in order.
 */
export async function* placedPieces(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<FilePiece> {
  let offset = 0;
  for await (const bytes of pieces) {
    yield { offset, bytes };
    offset += bytes.length;
  }
}

/**
 * A new and empty regular file as a place for pieces.
 *
 * @param file The open file.
 * @returns The writer.
 */
export function holedFile(file: Deno.FsFile): PieceWriter {
  return {
    write: (bytes) => file.write(bytes),
    seek: (offset) => file.seek(offset, Deno.SeekMode.Start),
    truncate: (size) => file.truncate(size),
  };
}

/** The most bytes to write before checking the signal. */
const PORTION = 8 * 2 ** 20;

/**
 * Writes pieces.
 *
 * @param file Where they go.
 * @param pieces The pieces.
 * @param size The size of the file in bytes if zeros follow the last piece, else 0.
 * @param signal Ends the writing with its reason.
 */
export async function writePieces(
  file: PieceWriter,
  pieces: FilePieces,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  let at = 0;
  const writeZeros = async (to: number): Promise<void> => {
    for (; at < to; at += PORTION) await writeAll(file, new Uint8Array(Math.min(PORTION, to - at)), signal);
  };
  for await (const { offset, bytes } of pieces) {
    if (offset > at) await (file.seek ? file.seek(offset) : writeZeros(offset));
    await writeAll(file, bytes, signal);
    at = offset + bytes.length;
  }
  if (at < size) await (file.truncate ? file.truncate(size) : writeZeros(size));
  signal.throwIfAborted();
}

async function writeAll(file: PieceWriter, piece: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let left = piece; left.length > 0;) {
    signal.throwIfAborted();
    left = left.subarray(await file.write(left.subarray(0, PORTION)));
  }
}
