/** The same bytes as sources of every kind, cut in every way. */

import { gzipSync } from "node:zlib";
import { inflate } from "../../formats/gzip/inflate.ts";
import { decoded } from "../../formats/input/decoded.ts";
import type { ByteReader, KernelSource, NodeFileHandle } from "../../mod.ts";
import { type Random, randomOf } from "./random.ts";

/** How a source is cut. */
export const CUTS = [
  "bytes",
  "part of a buffer",
  "buffer",
  "shared buffer",
  "one chunk",
  "random chunks",
  "single bytes",
  "reader",
  "file handle",
  "blob",
  "gzip",
] as const;

export type Cut = (typeof CUTS)[number];

/** Chooses a cut that is quick enough for a file of this size. */
export function chooseCut(random: Random, size: number): Cut {
  return random.weighted([
    [3, "part of a buffer"],
    [1, "buffer"],
    [2, "shared buffer"],
    [2, "one chunk"],
    [8, "random chunks"],
    [size < 6000 ? 1 : 0, "single bytes"],
    [8, "reader"],
    [2, "file handle"],
    [0.3, "blob"],
    [0.5, "gzip"],
  ]);
}

/** A source, and how many of its bytes were taken so far, if it tells. */
export interface Opened {
  readonly source: KernelSource;
  readonly taken?: () => number;
}

/** Opens bytes as a source; the places of the cuts follow from the seed. */
export function openCut(bytes: Uint8Array<ArrayBuffer>, cut: Cut, seed: number): Opened {
  const random = randomOf(seed, bytes.length);
  switch (cut) {
    case "bytes":
      return { source: bytes };
    case "part of a buffer": {
      const all = new Uint8Array(bytes.length + 24).fill(0x5a);
      all.set(bytes, 8);
      return { source: all.subarray(8, 8 + bytes.length) };
    }
    case "buffer":
      return { source: bytes.slice().buffer };
    case "shared buffer": {
      const shared = new SharedArrayBuffer(bytes.length);
      new Uint8Array(shared).set(bytes);
      return { source: random.chance(0.5) ? shared : new Uint8Array(shared) };
    }
    case "one chunk":
      return { source: streamOf([bytes]) };
    case "random chunks":
      return { source: streamOf(chunksOf(bytes, random)) };
    case "single bytes":
      return { source: streamOf(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))) };
    case "reader":
      return shortReader(bytes, random);
    case "file handle":
      return fileHandle(bytes);
    case "blob":
      return { source: new Blob([bytes]) };
    case "gzip":
      return { source: decoded(inflate, shortReader(gzipOf(bytes, random), random).source) };
  }
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (next < chunks.length) controller.enqueue(chunks[next++].slice());
      else controller.close();
    },
  });
}

/** Pieces of every size, with empty ones among them, often cut in the headers. */
function chunksOf(bytes: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    if (random.chance(0.1)) chunks.push(new Uint8Array());
    const size = at < 200 ? 1 + random.below(100) : 1 + random.below(random.pick([40, 5000, 20000]));
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

/** A reader that returns fewer bytes than it could, sometimes none, and now and then at once instead of later. */
function shortReader(bytes: Uint8Array, random: Random): { readonly source: ByteReader; readonly taken: () => number } {
  let at = 0;
  const read = (buffer: Uint8Array): number | null => {
    if (at >= bytes.length) return null;
    if (random.chance(0.05)) return 0;
    const most = random.chance(0.5) ? buffer.length : 1 + random.below(Math.min(buffer.length, 3000));
    const piece = bytes.subarray(at, at + Math.min(most, buffer.length));
    buffer.set(piece);
    at += piece.length;
    return piece.length;
  };
  const isAsync = random.chance(0.5);
  return { source: { read: (buffer) => isAsync ? Promise.resolve(read(buffer)) : read(buffer) }, taken: () => at };
}

function fileHandle(bytes: Uint8Array): { readonly source: NodeFileHandle; readonly taken: () => number } {
  let at = 0;
  const read = (buffer: Uint8Array): Promise<{ bytesRead: number }> => {
    const piece = bytes.subarray(at, at + buffer.length);
    buffer.set(piece);
    at += piece.length;
    return Promise.resolve({ bytesRead: piece.length });
  };
  return { source: { read }, taken: () => at };
}

/** Packs bytes into gzip members, some with a name, a comment or extra fields (RFC 1952), and padding at the end. */
export function gzipOf(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const count = 1 + random.below(3);
  for (let member = 0; member < count; member++) {
    const from = Math.floor(bytes.length * member / count);
    const to = Math.floor(bytes.length * (member + 1) / count);
    const packed = new Uint8Array(gzipSync(bytes.subarray(from, to), { level: random.pick([0, 1, 6]) }));
    parts.push(...withFields(packed, random));
  }
  if (random.chance(0.3)) parts.push(new Uint8Array(random.below(600)));
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A member with FEXTRA, FNAME and FCOMMENT set at random. */
function withFields(packed: Uint8Array, random: Random): Uint8Array[] {
  const header = packed.slice(0, 10);
  const parts: Uint8Array[] = [header];
  const text = (): Uint8Array => new Uint8Array([...random.bytes(random.below(20)).map((byte) => byte | 1), 0]);
  if (random.chance(0.3)) {
    const extra = random.bytes(random.below(40));
    header[3] |= 4;
    parts.push(new Uint8Array([extra.length, 0]), extra);
  }
  if (random.chance(0.3)) {
    header[3] |= 8;
    parts.push(text());
  }
  if (random.chance(0.3)) {
    header[3] |= 16;
    parts.push(text());
  }
  return [...parts, packed.subarray(10)];
}
