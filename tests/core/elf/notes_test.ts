import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { readNotes } from "../../../core/elf/notes.ts";
import { note, type NoteSpec, words } from "../../plugins/note_bytes.ts";

const OFFSET = 0x1000;

function shortOf(bytes: Uint8Array, p_align: bigint): readonly (readonly [string, number, number, number, number])[] {
  return readNotes(bytes, OFFSET, p_align).notes.map(({ owner, type, fileOffset, alignment, descriptor }) => {
    return [owner, type, fileOffset - OFFSET, alignment, descriptor.length];
  });
}

Deno.test("readNotes() reads notes aligned to 4 bytes, whatever small p_align says", () => {
  const bytes = concat([
    note({ owner: "GNU", type: 3, desc: new Uint8Array(20).fill(7) }),
    note({ owner: "stapsdt", type: 3, desc: new Uint8Array(5).fill(7) }),
    note({ owner: "Xen", type: 18, desc: words(0x1000) }),
  ]);
  for (const p_align of [0n, 1n, 4n]) {
    assertEquals(shortOf(bytes, p_align), [["GNU", 3, 0, 4, 20], ["stapsdt", 3, 36, 4, 5], ["Xen", 18, 64, 4, 4]]);
    assertEquals(readNotes(bytes, OFFSET, p_align).faults, []);
  }
});

Deno.test("readNotes() reads notes aligned to 8 bytes where p_align is 8", () => {
  const align = 8;
  const bytes = concat([
    note({ owner: "GNU", type: 5, desc: words(0xc0000002, 4, 3, 0), align }),
    note({ owner: "stapsdt", type: 3, desc: words(9), align }),
    note({ owner: "Xen", type: 18, desc: words(0x1000), align }),
  ]);
  assertEquals(shortOf(bytes, 8n), [["GNU", 5, 0, 8, 16], ["stapsdt", 3, 32, 8, 4], ["Xen", 18, 64, 8, 4]]);
});

Deno.test("readNotes() finds notes of 4 bytes where p_align is 8, and the reverse", () => {
  const specs: readonly NoteSpec[] = [
    { owner: "Xen", type: 6, desc: new TextEncoder().encode("osv\0") },
    { owner: "Xen", type: 18, desc: words(0x1000, 0) },
    { owner: "Linux", type: 0x101, desc: words(1) },
  ];
  const four = concat(specs.map((spec) => note(spec)));
  assertEquals(shortOf(four, 8n), [["Xen", 6, 0, 4, 4], ["Xen", 18, 20, 4, 8], ["Linux", 0x101, 44, 4, 4]]);
  const eight = concat(specs.map((spec) => note({ ...spec, align: 8 })));
  assertEquals(shortOf(eight, 4n).map(([owner, type, at]) => [owner, type, at]), [
    ["Xen", 6, 0],
    ["Xen", 18, 24],
    ["Linux", 0x101, 48],
  ]);
});

Deno.test("readNotes() finds notes of 4 and of 8 bytes in one segment, as linker scripts mix them", () => {
  const property = note({ owner: "GNU", type: 5, desc: words(0xc0000002, 4, 3, 0), align: 8 });
  const buildId = note({ owner: "GNU", type: 3, desc: new Uint8Array(20).fill(7) });
  const entry = note({ owner: "Xen", type: 18, desc: words(0x1000) });
  const gap = new Uint8Array(4);
  for (const p_align of [4n, 8n]) {
    const ends = (pieces: readonly Uint8Array[]) =>
      shortOf(concat(pieces), p_align).map(([owner, type, at]) => [owner, type, at]);
    assertEquals(ends([property, entry, buildId]), [["GNU", 5, 0], ["Xen", 18, 32], ["GNU", 3, 52]]);
    assertEquals(ends([buildId, gap, property, entry]), [["GNU", 3, 0], ["GNU", 5, 40], ["Xen", 18, 72]]);
    assertEquals(ends([entry, buildId, property]), [["Xen", 18, 0], ["GNU", 3, 20], ["GNU", 5, 56]]);
  }
});

Deno.test("readNotes() takes zero bytes at the end for padding", () => {
  const bytes = concat([note({ owner: "Xen", type: 18, desc: words(0) }), new Uint8Array(100)]);
  assertEquals(shortOf(bytes, 4n), [["Xen", 18, 0, 4, 4]]);
  for (const empty of [new Uint8Array(), new Uint8Array(64)]) {
    assertEquals(readNotes(empty, OFFSET, 4n), { notes: [], faults: [] });
  }
});

Deno.test("readNotes() reads a note without a name", () => {
  assertEquals(shortOf(note({ owner: "", type: 1, desc: words(5) }), 4n), [["", 1, 0, 4, 4]]);
});

Deno.test("readNotes() reads a note without a name between others", () => {
  const desc = words(0x665277ad);
  const notes = [{ owner: "Xen", type: 18, desc }, { owner: "", type: 1, desc }, { owner: "GNU", type: 3, desc }];
  assertEquals(shortOf(concat(notes.map(note)), 4n), [["Xen", 18, 0, 4, 4], ["", 1, 20, 4, 4], ["GNU", 3, 36, 4, 4]]);
});

Deno.test("readNotes() says where a note leaves the segment, and keeps those before it", () => {
  const good = note({ owner: "Xen", type: 1, desc: words(1) });
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [words(0xffff, 0, 0), "its name of 65535 bytes reaches past the segment's end"],
    [words(4, 4), "the segment ends inside its header"],
    [words(0xffffffff, 0, 1), "its name of 4294967295 bytes reaches past the segment's end"],
    [note({ owner: "Xen", type: 1, descsz: 1 }), "its descriptor of 1 bytes reaches past the segment's end"],
    [
      note({ owner: "Xen", type: 1, descsz: 0xffffffff, desc: words(1) }),
      "its descriptor of 4294967295 bytes reaches past the segment's end",
    ],
  ];
  for (const [bad, problem] of cases) {
    const { notes, faults } = readNotes(concat([good, bad]), OFFSET, 4n);
    assertEquals(notes.map(({ type }) => type), [1]);
    assertEquals(faults, [{ fileOffset: OFFSET + 20, problem }]);
  }
});

Deno.test("readNotes() goes on after a name without a zero byte", () => {
  const bad = note({ owner: "Xeno", type: 1, desc: words(1), namesz: 4 }).slice(0, 16);
  const { notes, faults } = readNotes(
    concat([bad, words(1), note({ owner: "GNU", type: 3, desc: words(1) })]),
    OFFSET,
    4n,
  );
  assertEquals(notes.map(({ owner, type }) => [owner, type]), [["Xeno", 1], ["GNU", 3]]);
  assertEquals(faults, [{ fileOffset: OFFSET, problem: "its name does not end in a zero byte" }]);
});

Deno.test("readNotes() ends on any bytes", () => {
  let state = 1;
  const random = () => (state = Math.imul(state, 1103515245) + 12345 >>> 0) >>> 16;
  for (let round = 0; round < 500; round++) {
    const bytes = Uint8Array.from({ length: random() % 200 }, () => random() % 7 === 0 ? random() : random() % 5);
    for (const p_align of [4n, 8n]) {
      const { notes } = readNotes(bytes, 0, p_align);
      const offsets = notes.map(({ fileOffset }) => fileOffset);
      assertEquals(offsets, offsets.toSorted((a, b) => a - b));
    }
  }
});
