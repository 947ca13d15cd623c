/**
 * The CRC-32 of bzip2: that of gzip with its bits in the other order.
 *
 * @module
 */

const POLYNOMIAL = 0x04c11db7;

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc << 1 ^ (crc < 0 ? POLYNOMIAL : 0);
  return crc;
});

/**
 * Goes on with a CRC.
 *
 * @param bytes The bytes.
 * @param before The state before them: all ones at the start. At the end, its complement is the CRC.
 * @returns The state after them.
 */
export function blockCrc(bytes: Uint8Array, before: number): number {
  let crc = before;
  for (let at = 0; at < bytes.length; at++) crc = crc << 8 ^ TABLE[crc >>> 24 ^ bytes[at]];
  return crc;
}
