/** Damage: fields set to values at the edges of what is allowed, bits flipped, files cut off. */

import type { Random } from "../random.ts";
import type { FileSpec, HeaderSpec } from "./spec.ts";

const EDGES: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 0xfffn, 0x1000n, 0x1001n, 0x1f_ffffn],
  ...[(1n << 31n) - 1n, 1n << 31n, 1n << 32n, 1n << 39n, (1n << 47n) - 0x1000n, (1n << 47n) - 1n, 1n << 47n],
  ...[1n << 48n, 1n << 52n, (1n << 53n) + 1n, (1n << 63n) - 1n, 1n << 63n],
  ...[(1n << 64n) - (1n << 47n), (1n << 64n) - 0x1000n, (1n << 64n) - 0x1001n, (1n << 64n) - 1n],
];

const HEADER_FIELDS = ["offset", "vaddr", "filesz", "memsz", "align"] as const;
const FILE_FIELDS = ["entry", "entry", "phoff", "shoff"] as const;
const SMALL_FIELDS = ["type", "machine", "ehsize", "phentsize", "phnum", "shentsize", "shnum", "shstrndx"] as const;
const IDENT_FIELDS = ["EI_CLASS", "EI_DATA", "EI_VERSION"] as const;
const SMALL = [0, 1, 2, 3, 4, 32, 52, 56, 62, 63, 64, 243, 0xfff0, 0xffff] as const;
const SEGMENT_TYPES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0x6000_0000, 0x6474_e552, 0x7fff_ffff, 0x8000_0000] as const;

/** Changes a value a little, or to one at an edge. */
function changed(value: bigint, spec: FileSpec, random: Random): bigint {
  const length = BigInt(spec.length);
  const other = random.pick(spec.headers.length > 0 ? spec.headers : [undefined]);
  const next = random.weighted([
    [3, value + random.pick([1n, -1n, 8n, -8n, 0x1000n, -0x1000n, 0x800n])],
    [3, random.pick(EDGES)],
    [1, random.pick(EDGES) - random.pick([value, 1n])],
    [1, random.pick([length, length - 1n, length + 1n, length / 2n])],
    [1, other ? random.pick([other.vaddr, other.vaddr + other.memsz, other.offset + other.filesz]) : 0n],
    [1, value ^ 1n << BigInt(random.below(64))],
    [0.5, random.word()],
  ]);
  return BigInt.asUintN(64, next);
}

/** Damages a file before it is written. */
export function mutate(spec: FileSpec, random: Random): void {
  const { fields, headers } = spec;
  const header = (): HeaderSpec | undefined => headers.length > 0 ? random.pick(headers) : undefined;
  const turns: readonly (readonly [number, () => void])[] = [
    [10, () => {
      const field = random.pick(HEADER_FIELDS);
      const target = header();
      if (target) target[field] = changed(target[field], spec, random);
    }],
    [2, () => {
      const target = header();
      if (target) target.type = random.pick(SEGMENT_TYPES);
    }],
    [1, () => {
      const target = header();
      if (target) headers.splice(random.below(headers.length + 1), 0, { ...target });
      fields.phnum = headers.length;
    }],
    [2, () => {
      const field = random.pick(FILE_FIELDS);
      fields[field] = changed(fields[field], spec, random);
    }],
    [1, () => void (fields[random.pick(SMALL_FIELDS)] = random.pick(SMALL))],
    [0.5, () => void (fields[random.pick(IDENT_FIELDS)] = random.pick([0, 1, 2, 3, 255]))],
    [2, () => {
      const [blob] = spec.blobs.length > 0 ? [random.pick(spec.blobs)] : [];
      if (!blob || blob.bytes.length < 8) return;
      const at = random.below(blob.bytes.length / 8 - 1 | 0) * 8;
      const view = new DataView(blob.bytes.buffer, blob.bytes.byteOffset);
      view.setBigUint64(at, changed(view.getBigUint64(at, true), spec, random), true);
    }],
    [1, () => void (spec.length = random.below(spec.length + 1))],
    [0.3, () => void (spec.length = random.below(200))],
  ];
  for (let left = 1 + random.below(random.pick([1, 2, 4])); left > 0; left--) random.weighted(turns)();
}
