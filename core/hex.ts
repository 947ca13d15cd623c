/**
 * Addresses as people write them.
 *
 * @module
 */

/**
 * A range of addresses as people write it; its end is the address after its last byte, unless that is 2^64.
 *
 * @param start The first address, modulo 2^64.
 * @param size Number of bytes.
 * @returns Such as "0x1000..0x2000" or "0xfffffffffffff000..=0xffffffffffffffff".
 */
export function hexRange(start: bigint | number, size: bigint | number): string {
  const first = BigInt.asUintN(64, BigInt(start));
  const end = first + BigInt(size);
  return end === 1n << 64n
    ? `${hexAddr(first)}..=${hexAddr(end - 1n)}`
    : `${hexAddr(first)}..${hexAddr(BigInt.asUintN(64, end))}`;
}

/**
 * An address as people write it.
 *
 * @param address A virtual or physical address.
 * @returns Lower-case hex with "0x" in front.
 */
export function hexAddr(address: bigint | number): string {
  return address < 0 ? `-0x${(-address).toString(16)}` : `0x${address.toString(16)}`;
}
