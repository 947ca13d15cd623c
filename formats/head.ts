/**
 * The first bytes of a file, read without bounds errors: a magic number that lies past the end is simply not there.
 *
 * @module
 */

/** The first bytes of a file. Fields past the end read as zero. */
export interface Head {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** The length of the whole file, if it is known. */
  readonly length?: number;
  /** Whether these bytes are at an offset; a string stands for its ASCII characters. */
  readonly has: (offset: number, magic: string | ArrayLike<number>) => boolean;
  /** One byte. */
  readonly u8: (offset: number) => number;
  /** Two bytes, little-endian. */
  readonly u16: (offset: number) => number;
  /** Four bytes, little-endian. */
  readonly u32: (offset: number) => number;
  /** Four bytes, big-endian. */
  readonly u32be: (offset: number) => number;
  /** The characters at an offset, up to a zero byte or the end of the field. */
  readonly text: (offset: number, size: number) => string;
}

/**
 * Opens the first bytes of a file.
 *
 * @param bytes The bytes.
 * @param length The length of the whole file, if it is known.
 * @returns Their fields.
 */
export function headOf(bytes: Uint8Array, length?: number): Head {
  const u8 = (offset: number): number => bytes[offset] ?? 0;
  const u16 = (offset: number): number => u8(offset) | u8(offset + 1) << 8;
  return {
    bytes,
    ...(length === undefined ? {} : { length }),
    has: (offset, magic) => {
      for (let index = 0; index < magic.length; index++) {
        const expected = typeof magic === "string" ? magic.charCodeAt(index) : magic[index];
        if (bytes[offset + index] !== expected) return false;
      }
      return true;
    },
    u8,
    u16,
    u32: (offset) => u16(offset) + u16(offset + 2) * 2 ** 16,
    u32be: (offset) => u8(offset) * 2 ** 24 + (u8(offset + 1) << 16 | u8(offset + 2) << 8 | u8(offset + 3)),
    text: (offset, size) => {
      const field = bytes.slice(offset, offset + size); // text decoders in browsers refuse shared memory
      const end = field.indexOf(0);
      return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
    },
  };
}

/** The most characters of a text to quote. */
const QUOTED_MAX = 60;

/**
 * Quotes a text that the file has.
 *
 * @param text The text.
 * @returns The text in quotation marks, on one line, and cut if it is long.
 */
export function quoted(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "?");
  const characters = [...line];
  return characters.length > QUOTED_MAX ? `"${characters.slice(0, QUOTED_MAX).join("")}…"` : `"${line}"`;
}

/**
 * Formats a number of bytes.
 *
 * @param count The number.
 * @returns Such as "123,456 bytes".
 */
export function byteCount(count: number): string {
  return `${String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",")} ${count === 1 ? "byte" : "bytes"}`;
}
