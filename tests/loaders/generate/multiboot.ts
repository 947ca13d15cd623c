/** Kernels for Multiboot 1, and deviations in their header. */

import { ELFCLASS32, ELFCLASS64 } from "../../../core/elf/constants.ts";
import { bareKernel, changePiece, type KernelSpec, type Mutation, TEXT, words } from "./kernel.ts";
import type { Choices } from "./random.ts";

const MAGIC = 0x1bad_b002;

/** The name of the piece with the header. */
const PIECE = "multiboot";

/** A header with the right checksum, and fields after it. */
function header(flags: number, ...fields: readonly number[]): Uint8Array {
  return words(MAGIC, flags, -(MAGIC + flags), ...fields);
}

/** A kernel that GRUB boots. */
export function multibootKernel(random: Choices): KernelSpec {
  const kernel = bareKernel(random, random.once(3) ? ELFCLASS32 : ELFCLASS64);
  const offset = TEXT.offset + 4 * random.below(0x80);
  return { ...kernel, pieces: [...kernel.pieces, { name: PIECE, offset, bytes: header(random.of([0, 1, 2, 3])) }] };
}

function replace(make: (kernel: KernelSpec, random: Choices) => Uint8Array): Mutation["apply"] {
  return (kernel, random) => changePiece(kernel, PIECE, (piece) => ({ ...piece, bytes: make(kernel, random) }));
}

/** Address fields that load the first segment to its place, one of them changed. */
function addresses(kernel: KernelSpec, random: Choices): readonly number[] {
  const { p_paddr, p_filesz } = kernel.segments[0];
  const piece = kernel.pieces.find(({ name }) => name === PIECE)!;
  const load = Number(p_paddr & 0xffff_ffffn);
  const size = Number(p_filesz);
  const fields = [load + piece.offset - TEXT.offset, load, load + size, load + size + 0x100, load + TEXT.entry];
  if (random.once(3)) return fields;
  const index = random.below(fields.length);
  const change = random.of([-0x1000, -0x100, -0x10, 0x10, 0x100, 0x1000, 0x10_0000, 0x2000_0000]);
  return fields.map((field, at) => at === index ? random.of([field + change, field + change, 0, 2 ** 32 - 1]) : field);
}

/** Every deviation. */
export const MULTIBOOT_MUTATIONS: readonly Mutation[] = [
  { name: "flag-bits", apply: replace((_, random) => header(1 << random.below(32) & ~(1 << 16 | 1 << 2))) },
  {
    name: "bad-checksum",
    apply: replace((_, random) => words(MAGIC, 3, random.of([-(MAGIC + 4), 0, MAGIC]))),
  },
  {
    name: "header-far",
    apply: (kernel, random) =>
      changePiece(kernel, PIECE, (piece) => {
        return { ...piece, offset: random.of([8192 - 48, 8192 - 32, 8192 - 12, 8192 - 8, 8192, 8196, 0x3000, 0x200]) };
      }),
  },
  {
    name: "header-unaligned",
    apply: (kernel, random) =>
      changePiece(kernel, PIECE, (piece) => ({ ...piece, offset: piece.offset + random.of([1, 2, 3, 4]) })),
  },
  {
    name: "video",
    apply: replace((_, random) =>
      header(1 << 2, 0, 0, 0, 0, 0, random.of([0, 1, 2, 7, -1]), 800, 600, random.of([0, 32]))
    ),
  },
  { name: "address-fields", apply: replace((kernel, random) => header(1 << 16, ...addresses(kernel, random))) },
  {
    name: "header-twice",
    apply: (kernel, random) => {
      const bytes = random.of([header(8), words(MAGIC, 0, 0), header(0)]);
      return { ...kernel, pieces: [...kernel.pieces, { name: "second", offset: TEXT.offset - 0x100, bytes }] };
    },
  },
];
