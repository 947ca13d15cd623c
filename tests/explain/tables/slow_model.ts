/**
 * What tables map, entry by entry in 64-bit integers, from the rules of the Intel SDM alone (vol. 3, "4-Level Paging
 * and 5-Level Paging"): slow, and written without the code under test.
 */

/** Reads an entry; `undefined` where memory is unknown. */
export type ReadEntry = (table: number, index: number) => bigint | undefined;

/** A page, or a place where there is none to be listed. */
export type SlowItem =
  | {
    readonly kind: "page";
    readonly virt: bigint;
    readonly phys: bigint;
    readonly size: bigint;
    readonly rights: string;
    readonly flags: bigint;
  }
  | { readonly kind: "unknown"; readonly level: number; readonly table: number; readonly virt: bigint }
  | {
    readonly kind: "reserved" | "recursive";
    readonly level: number;
    readonly table: number;
    readonly index: number;
    readonly virt: bigint;
    readonly entry: bigint;
  };

const ADDRESS = 0x000f_ffff_ffff_f000n;
const SHIFT = [0n, 12n, 21n, 30n, 39n, 48n];

interface Above {
  readonly frame: number;
  readonly rights: string;
}

/** Lists everything, ascending. With `through`, tables that contain themselves are gone through, not listed. */
export function* slowItems(
  read: ReadEntry,
  table: number,
  levels: number,
  through = false,
  way: readonly Above[] = [],
  start = 0n,
): Generator<SlowItem> {
  const level = levels - way.length;
  const whole = (low: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(levels * 9 + 12, low));
  if (read(table, 0) === undefined) {
    yield { kind: "unknown", level, table, virt: whole(start) };
    return;
  }
  for (let index = 0; index < 512; index++) {
    const entry = read(table, index)!;
    if (entry % 2n === 0n) continue;
    const virt = whole(start + (BigInt(index) << SHIFT[level]));
    const above = way.at(-1)?.rights ?? "wxu";
    const rights = [...above].filter((right) => {
      if (right === "w") return (entry >> 1n) % 2n === 1n;
      if (right === "u") return (entry >> 2n) % 2n === 1n;
      return entry >> 63n === 0n;
    }).join("");
    const isHuge = (entry >> 7n) % 2n === 1n && level > 1;
    const size = 1n << SHIFT[level];
    // Bit 12 is PAT; the bits from there up to the address of a huge page are reserved, and bit 7 above level 3.
    const reserved = isHuge && (level > 3 || (entry & (size - 1n)) >> 13n !== 0n);
    if (reserved) yield { kind: "reserved", level, table, index, virt, entry };
    else if (isHuge || level === 1) {
      const frame = ADDRESS & ~(size - 1n);
      yield { kind: "page", virt, phys: entry & frame, size, rights, flags: entry & ~frame };
    } else {
      const below = Number(entry & ADDRESS);
      const path = [...way, { frame: table, rights }];
      if (!through && path.some(({ frame }) => frame === below)) {
        yield { kind: "recursive", level, table, index, virt, entry };
      } else yield* slowItems(read, below, levels, through, path, start + (BigInt(index) << SHIFT[level]));
    }
  }
}
