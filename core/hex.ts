/**
 * Formats addresses for people.
 *
 * @module
 */

/**
 * Formats a range of addresses. The end is exclusive, unless that would be 2^64.
 *
 * @param start The first address, modulo 2^64.
 * @param size Number of bytes.
 * @returns A range such as "0x1000..0x2000" or "0xfffffffffffff000..=0xffffffffffffffff".
 */
export function hexRange(start: bigint | number, size: bigint | number): string {
  const first = BigInt.asUintN(64, BigInt(start));
  const end = first + BigInt(size);
  return end === 1n << 64n
    ? `${hexAddr(first)}..=${hexAddr(end - 1n)}`
    : `${hexAddr(first)}..${hexAddr(BigInt.asUintN(64, end))}`;
}

/**
 * Formats an address.
 *
 * @param address A virtual or physical address, or a difference of them.
 * @returns Lower-case hex with the prefix "0x".
 */
export function hexAddr(address: bigint | number): string {
  return address < 0 ? `-0x${(-address).toString(16)}` : `0x${address.toString(16)}`;
}
