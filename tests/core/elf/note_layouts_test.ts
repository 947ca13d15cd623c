/** The layouts that linkers and link editors' scripts leave notes in, all read without being told which it is. */

import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { readNotes } from "../../../core/elf/notes.ts";
import { words } from "../../plugins/note_bytes.ts";

const OFFSET = 0x1000;

/** How far the descriptor and the next note are aligned. */
const LAYOUTS = [[4, 4], [4, 8], [8, 8]] as const;
type Layout = (typeof LAYOUTS)[number];

interface Note {
  readonly owner: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
  readonly descriptorOffset: number;
  readonly fileOffset: number;
}

const upTo = (offset: number, alignment: number): number => offset + (alignment - offset % alignment) % alignment;

/** A descriptor without zero bytes. */
const bytesOf = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => 0x91 + at);

/** Lays notes out from the start of a segment, and says what was laid out. */
function laidOut(specs: readonly { owner: string; size: number; layout: Layout }[]) {
  const notes: Note[] = [];
  const bytes = new Uint8Array(1024);
  let at = 0;
  specs.forEach(({ owner, size, layout: [alignment, next] }, index) => {
    const name = new TextEncoder().encode(`${owner}\0`);
    const type = 0x100 + index;
    bytes.set(concat([words(name.length, size, type), name]), at);
    const start = upTo(at + 12 + name.length, alignment);
    const descriptor = bytesOf(size);
    bytes.set(descriptor, start);
    notes.push({ owner, type, descriptor, descriptorOffset: OFFSET + start, fileOffset: OFFSET + at });
    at = upTo(start + size, next);
  });
  return { notes, bytes: bytes.slice(0, at) };
}

function read(bytes: Uint8Array, p_align: bigint) {
  const { notes, faults } = readNotes(bytes, OFFSET, p_align);
  return { notes: notes.map(({ alignment: _, ...note }) => note), faults };
}

const OWNERS = ["A", "AB", "GNU", "Xeno", "Linux", "stapsd", "stapsdt", "FreeBSDx"];

for (const layout of LAYOUTS) {
  // Of descriptors aligned to 4 and notes to 8, some could as well be aligned to 8 with zero bytes at their ends.
  const alignments = layout[0] === layout[1] ? [4n, 8n] : [4n];
  Deno.test(`readNotes() reads descriptors aligned to ${layout[0]} and notes to ${layout[1]} if p_align is ${alignments}`, () => {
    for (const owner of OWNERS) {
      for (let size = 1; size <= 9; size++) {
        const last = { owner: "GNU", size: 5, layout };
        const middle = { owner: "Linux", size: 4, layout };
        const { notes, bytes } = laidOut([{ owner, size, layout }, middle, last]);
        for (const p_align of alignments) {
          assertEquals(read(bytes, p_align), { notes, faults: [] }, `${owner}, ${size} bytes, p_align ${p_align}`);
        }
      }
    }
  });
}

Deno.test("readNotes() says what a note was aligned to", () => {
  const alignments = (layout: Layout, p_align: bigint) => {
    const { bytes } = laidOut([{ owner: "Xeno", size: 3, layout }, { owner: "Xeno", size: 3, layout }]);
    return readNotes(bytes, OFFSET, p_align).notes.map(({ alignment }) => alignment);
  };
  for (const p_align of [4n, 8n]) {
    assertEquals(alignments([4, 4], p_align), [4, 4]);
    assertEquals(alignments([8, 8], p_align), [8, 8]);
  }
  // Where both are the same, p_align decides.
  const { bytes } = laidOut([{ owner: "GNU", size: 8, layout: [4, 4] }]);
  assertEquals(readNotes(bytes, OFFSET, 4n).notes[0].alignment, 4);
  assertEquals(readNotes(bytes, OFFSET, 8n).notes[0].alignment, 8);
});

for (const [layout, p_align] of [[[4, 4], 4n], [[8, 8], 8n]] as const) {
  Deno.test(`readNotes() reads the notes before the last one that a cut leaves, of notes aligned to ${layout[0]}`, () => {
    const specs = ["GNU", "Xeno", "stapsdt"].map((owner, at) => ({ owner, size: 5 + at, layout }));
    const { notes, bytes } = laidOut(specs);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = notes.filter(({ descriptorOffset, descriptor }) =>
        descriptorOffset - OFFSET + descriptor.length <= cut
      );
      // What follows the last whole note may look like the end of a longer one.
      const { notes: found, faults } = readNotes(bytes.slice(0, cut), OFFSET, p_align);
      assertEquals(
        read(bytes.slice(0, cut), p_align).notes.slice(0, whole.length - 1),
        whole.slice(0, -1),
        `cut at ${cut}`,
      );
      assertEquals(
        found.slice(0, whole.length).map(({ owner, type }) => [owner, type]),
        whole.map(({ owner, type }) => [owner, type]),
      );
      assertEquals(found.length + faults.length >= whole.length && faults.length <= 1, true);
    }
  });
}

Deno.test("readNotes() reads notes without a descriptor, and a last one whose type and name are zero", () => {
  const empty = concat([words(4, 0, 7), new TextEncoder().encode("Xen\0")]);
  const zeros = new Uint8Array(16);
  zeros[0] = 4;
  for (const p_align of [4n, 8n]) {
    const { notes, faults } = readNotes(concat([empty, empty, zeros]), OFFSET, p_align);
    assertEquals(notes.map(({ owner, type, descriptor }) => [owner, type, descriptor.length]), [
      ["Xen", 7, 0],
      ["Xen", 7, 0],
      ["", 0, 0],
    ]);
    assertEquals(faults, []);
  }
});

Deno.test("readNotes() reads a last note that fits in one layout only", () => {
  for (const owner of OWNERS) {
    for (let size = 1; size <= 9; size++) {
      const { notes, bytes } = laidOut([{ owner, size, layout: [4, 4] }]);
      const exact = bytes.slice(0, notes[0].descriptorOffset - OFFSET + size);
      assertEquals(read(exact, 8n), { notes, faults: [] }, `${owner}, ${size} bytes`);
    }
  }
});

Deno.test("readNotes() takes another layout than that of p_align only if it leads to what looks like a note", () => {
  // Aligned to 8 the descriptor is the first word of what follows; aligned to 4, it is 0x1111.
  const start = concat([words(5, 4, 7), new TextEncoder().encode("Xeno\0\0\0\0"), words(0x1111)]);
  const named = (header: readonly number[], name: string) => concat([words(...header), new TextEncoder().encode(name)]);
  const tails: readonly (readonly [what: string, tail: Uint8Array, leads: boolean])[] = [
    ["a note that ends where the segment does", named([4, 0, 1], "GNU\0"), true],
    ["a note whose name is not padded", named([5, 0, 1], "Xeno\0"), true],
    ["a note whose name starts with a space", named([4, 0, 1], " NU\0"), true],
    ["a name that does not end in a zero byte", named([4, 0, 1], "GNUx"), false],
    ["a name that starts with a control character", named([4, 0, 1], "\x1fNU\0"), false],
    ["no name", named([0, 0, 1], "GNU\0"), false],
    ["a name past the end", named([0x1000, 0, 1], "GNU\0"), false],
    ["a descriptor past the end", named([4, 0x1000, 1], "GNU\0"), false],
    ["a descriptor of one byte too many", named([4, 1, 1], "GNU\0"), false],
    ["part of a header", words(4, 4), false],
  ];
  for (const [what, tail, leads] of tails) {
    const [{ alignment, descriptor }] = readNotes(concat([start, tail]), OFFSET, 8n).notes;
    assertEquals([alignment, descriptor], leads ? [4, words(0x1111)] : [8, tail.slice(0, 4)], what);
  }
});

Deno.test("readNotes() finds nothing wrong with notes that end in their names, or have none", () => {
  const unpadded = concat([words(5, 0, 7), new TextEncoder().encode("Xeno\0")]);
  for (const bytes of [unpadded, words(0, 0, 7), words(0, 4, 7, 0x1111)]) {
    const { notes, faults } = readNotes(bytes, OFFSET, 4n);
    assertEquals([notes.map(({ type }) => type), faults], [[7], []]);
  }
  const { faults } = readNotes(concat([words(1, 0, 7), new Uint8Array([0x41, 0, 0, 0])]), OFFSET, 4n);
  assertEquals(faults, [{ fileOffset: OFFSET, problem: "its name does not end in a zero byte" }]);
});
