/** Sizes of pages, and bits of entries by the Intel SDM, vol. 3, "4-Level Paging": not taken from the code under test. */

export const PAGE = 0x1000;
export const MIB2 = 0x20_0000;
export const GIB = 0x4000_0000;

export const P = 1n;
export const W = 2n;
export const U = 4n;
export const PS = 0x80n;
export const NX: bigint = 2n ** 63n;
