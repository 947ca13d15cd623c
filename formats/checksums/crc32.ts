/**
 * CRC-32 (ISO 3309), as gzip and xz have it.
 *
 * @module
 */

/** The polynomial, its bits reversed. */
const POLYNOMIAL = 0xedb88320;

/** Four tables of 256: for the byte at hand, and for those before one, two and three others. */
const TABLES: Uint32Array = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256];
    tables[at] = (before >>> 8) ^ tables[before & 0xff];
  }
  return tables;
}

/**
 * Computes a CRC-32.
 *
 * @param bytes The bytes.
 * @param before The CRC-32 of the bytes before them. Default: there are none.
 * @returns The CRC-32 of all of them, unsigned.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  let at = 0;
  for (const whole = bytes.length - 3; at < whole; at += 4) {
    crc ^= bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    crc = TABLES[768 + (crc & 0xff)] ^ TABLES[512 + (crc >>> 8 & 0xff)] ^ TABLES[256 + (crc >>> 16 & 0xff)] ^
      TABLES[crc >>> 24];
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
