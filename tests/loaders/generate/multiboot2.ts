/** Kernels for Multiboot 2, and deviations in their header and its tags. */

import { concat } from "@std/bytes/concat";
import { ELFCLASS32, ELFCLASS64 } from "../../../core/elf/constants.ts";
import { bareKernel, changePiece, type KernelSpec, type Mutation, TEXT, words } from "./kernel.ts";
import type { Choices } from "./random.ts";

const MAGIC = 0xe852_50d6;

/** The name of the piece with the header. */
const PIECE = "multiboot2";

const HEADER = 16;

/** A tag, filled up to a multiple of 8; its size is what its fields take, unless it is given. */
export function multiboot2Tag(
  type: number,
  fields: readonly number[],
  { optional = false, size = 8 + 4 * fields.length } = {},
): Uint8Array {
  const filler = fields.length % 2 === 0 ? [] : [0];
  return words(type | (optional ? 1 << 16 : 0), size, ...fields, ...filler);
}

const END = multiboot2Tag(0, []);

/** A header with the right checksum. */
export function multiboot2Header(tags: readonly Uint8Array[], architecture = 0): Uint8Array {
  const body = concat([...tags]);
  const length = HEADER + body.length;
  return concat([words(MAGIC, architecture, length, -(MAGIC + architecture + length)), body]);
}

/** An address tag: where the header, the first byte, the end of the file's bytes and of zeroed memory lie. */
export function addressTag(fields: readonly number[]): Uint8Array {
  return multiboot2Tag(2, fields);
}

/** A kernel that GRUB boots. */
export function multiboot2Kernel(random: Choices): KernelSpec {
  const kernel = bareKernel(random, random.once(3) ? ELFCLASS32 : ELFCLASS64);
  const offset = TEXT.offset + 8 * random.below(0x40);
  return { ...kernel, pieces: [...kernel.pieces, { name: PIECE, offset, bytes: multiboot2Header([END]) }] };
}

/** Puts tags before those that the header has; two such deviations add up. */
function addTags(make: (kernel: KernelSpec, random: Choices) => readonly Uint8Array[]): Mutation["apply"] {
  return (kernel, random) =>
    changePiece(kernel, PIECE, (piece) => {
      return { ...piece, bytes: multiboot2Header([...make(kernel, random), piece.bytes.subarray(HEADER)]) };
    });
}

/** Fields of an address tag that loads the first segment to its place, one of them changed. */
function addresses(kernel: KernelSpec, random: Choices): readonly number[] {
  const { p_paddr, p_filesz } = kernel.segments[0];
  const piece = kernel.pieces.find(({ name }) => name === PIECE)!;
  const load = Number(p_paddr & 0xffff_ffffn);
  const size = Number(p_filesz);
  const fields = [load + piece.offset - TEXT.offset, load, load + size, load + size + 0x100];
  if (random.once(3)) return fields;
  const index = random.below(fields.length);
  const change = random.of([-0x1000, -0x100, -0x10, 0x10, 0x100, 0x1000, 0x10_0000, 0x2000_0000]);
  return fields.map((field, at) => at === index ? random.of([field + change, field + change, 0, 2 ** 32 - 1]) : field);
}

function physicalEntry({ segments }: KernelSpec): number {
  return Number(segments[0].p_paddr & 0xffff_ffffn) + TEXT.entry;
}

/** Every deviation. */
export const MULTIBOOT2_MUTATIONS: readonly Mutation[] = [
  {
    name: "bad-checksum",
    apply: (kernel, random) =>
      changePiece(kernel, PIECE, (piece) => {
        const bytes = piece.bytes.slice();
        bytes[random.of([8, 12, 15])] ^= 1;
        return { ...piece, bytes };
      }),
  },
  {
    name: "other-architecture",
    apply: (kernel, random) =>
      changePiece(kernel, PIECE, (piece) => ({ ...piece, bytes: multiboot2Header([END], random.of([4, 1])) })),
  },
  {
    name: "header-far",
    apply: (kernel, random) =>
      changePiece(kernel, PIECE, (piece) => {
        const end = 32_768;
        return {
          ...piece,
          offset: random.of([end - 48, end - 24, end - 16, end - 8, end, end + 8, 0x200, 0x3000, 0x9000]),
        };
      }),
  },
  {
    name: "header-unaligned",
    apply: (kernel, random) =>
      changePiece(kernel, PIECE, (piece) => ({ ...piece, offset: piece.offset + random.of([1, 2, 4, 8]) })),
  },
  {
    name: "info-request",
    apply: addTags((_, random) => [
      multiboot2Tag(1, Array.from({ length: random.below(4) }, () => random.below(random.of([13, 24]))), {
        optional: random.once(4),
      }),
    ]),
  },
  {
    name: "tag-unknown",
    apply: addTags((
      _,
      random,
    ) => [multiboot2Tag(random.of([8, 11, 12, 20, 0x1234]), [0], { optional: random.once(3) })]),
  },
  {
    name: "tag-size",
    apply: addTags((_, random) => [
      multiboot2Tag(random.of([1, 4, 5, 6, 7, 11]), [], {
        optional: random.once(3),
        size: random.of([0, 1, 4, 7, 9, 2 ** 32 - 4]),
      }),
    ]),
  },
  {
    name: "no-end-tag",
    apply: (kernel) =>
      changePiece(
        kernel,
        PIECE,
        (piece) => ({ ...piece, bytes: multiboot2Header([piece.bytes.subarray(HEADER, -8)]) }),
      ),
  },
  {
    name: "address-tag",
    apply: addTags((kernel, random) => [
      multiboot2Tag(2, addresses(kernel, random)),
      ...random.once(4) ? [] : [multiboot2Tag(3, [physicalEntry(kernel) + random.of([0, 0, 0, 0x80, 0x1000])])],
    ]),
  },
  {
    name: "entry-tag",
    apply: addTags((
      kernel,
      random,
    ) => [multiboot2Tag(3, [random.of([physicalEntry(kernel), 0, 0x1000, physicalEntry(kernel) + 0x1000])])]),
  },
  { name: "console", apply: addTags((_, random) => [multiboot2Tag(4, [random.below(4)])]) },
  { name: "framebuffer-tag", apply: addTags((_, random) => [multiboot2Tag(5, [1024, 768, random.of([0, 32])])]) },
  { name: "module-align", apply: addTags(() => [multiboot2Tag(6, [])]) },
  { name: "efi", apply: addTags((_, random) => [multiboot2Tag(random.of([7, 9]), random.of([[], [0x10_0000]]))]) },
  {
    name: "relocatable",
    apply: addTags((_, random) => [
      multiboot2Tag(10, [
        random.of([0, 0x1000, 0x10_0000, 0x100_0000, 0x800_0000, 0x2000_0000]),
        random.of([0x1000, 0x8000, 0x20_0000, 0x200_0000, 0x1000_0000, 0x4000_0000, 2 ** 32 - 1]),
        random.of([0, 1, 0x1000, 0x20_0000, 3]),
        random.of([0, 1, 2, 3]),
      ]),
    ]),
  },
];
