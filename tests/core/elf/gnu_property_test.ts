import { assertEquals } from "@std/assert";
import { type GnuProperties, readGnuProperties } from "../../../core/elf/gnu_property.ts";
import { words } from "../../plugins/note_bytes.ts";

const X86_64 = { EI_CLASS: 2, e_machine: 62 };

function valuesOf(bytes: Uint8Array, header = X86_64): Omit<GnuProperties, "properties"> {
  const { properties: _, ...values } = readGnuProperties(bytes, 0, header).value;
  return values;
}

Deno.test("readGnuProperties() reads what code was compiled for", () => {
  // x86-64 psABI, "Program Property": bit 0 is IBT, bit 1 SHSTK
  const cases = [[0, false, false], [1, true, false], [2, false, true], [3, true, true], [12, false, false]] as const;
  for (const [bits, ibt, shstk] of cases) {
    assertEquals(valuesOf(words(0xc0000002, 4, bits, 0)), { ibt, shstk });
  }
});

Deno.test("readGnuProperties() names the highest level of the instruction set", () => {
  // x86-64 psABI, "Program Property": GNU_PROPERTY_X86_ISA_1_BASELINE, _V2, _V3, _V4 are bits 0 to 3
  const cases = [[1, "x86-64-baseline"], [3, "x86-64-v2"], [4, "x86-64-v3"], [0xf, "x86-64-v4"]] as const;
  for (const [bits, level] of cases) {
    assertEquals(valuesOf(words(0xc0008002, 4, bits, 0)), { ibt: false, shstk: false, isaNeeded: level });
    assertEquals(valuesOf(words(0xc0010002, 4, bits, 0)), { ibt: false, shstk: false, isaUsed: level });
  }
  assertEquals(valuesOf(words(0xc0008002, 4, 0x10, 0)), { ibt: false, shstk: false });
});

Deno.test("readGnuProperties() reads a stack size of the file's word, and pads to it", () => {
  const wide = words(1, 8, 0x10_0000, 1, 0xc0000002, 4, 1, 0);
  assertEquals(valuesOf(wide), { ibt: true, shstk: false, stackSize: 0x1_0010_0000n });
  const narrow = words(1, 4, 0x10_0000, 0xc0000002, 4, 1);
  assertEquals(valuesOf(narrow, { EI_CLASS: 1, e_machine: 3 }), { ibt: true, shstk: false, stackSize: 0x10_0000n });
});

Deno.test("readGnuProperties() leaves another processor's properties as they are", () => {
  const { value, faults } = readGnuProperties(words(0xc0000002, 4, 3, 0), 0, { EI_CLASS: 2, e_machine: 183 });
  assertEquals(faults, []);
  assertEquals(value, { ibt: false, shstk: false, properties: [{ type: 0xc0000002, data: words(3) }] });
});

Deno.test("readGnuProperties() says where properties are malformed, and keeps the others", () => {
  const good = [0xc0000002, 4, 3, 0];
  const cases: readonly (readonly [readonly number[], number, string])[] = [
    [[...good, 0xc0008002], 0x110, "the note ends inside a property's header"],
    [[...good, 0xc0008002, 99, 0, 0], 0x110, "a property's data of 99 bytes reaches past the note's end"],
    [[...good, 1, 8, 0, 1], 0x110, "its properties are not in ascending order by type"],
    [[...good, 0xc0008002, 8, 1, 0], 0x110, "property 0xc0008002 has 8 bytes of data instead of 4"],
  ];
  for (const [bytes, fileOffset, problem] of cases) {
    const { value, faults } = readGnuProperties(words(...bytes), 0x100, X86_64);
    assertEquals(faults, [{ fileOffset, problem }]);
    assertEquals([value.ibt, value.shstk, value.isaNeeded], [true, true, undefined]);
  }
});
