/** Why pages are there that no segment asks for: plugins, parts that were added after the load, and changes. */

import { assert, assertEquals } from "@std/assert";
import { addContextSwitch } from "../../../boot/context_switch.ts";
import { addDirectMap } from "../../../boot/direct_map.ts";
import { addFramebuffer } from "../../../boot/framebuffer.ts";
import { addIdentityMap } from "../../../boot/identity_map.ts";
import { addKernelStack } from "../../../boot/kernel_stack.ts";
import { addRamdisk } from "../../../boot/ramdisk.ts";
import { addRecursiveEntry } from "../../../boot/recursive_entry.ts";
import { writeBootInfo } from "../../../boot/boot_info.ts";
import { explainAddress } from "../../../explain/address/explain_address.ts";
import type { ExplainOptions } from "../../../explain/address/explain_options.ts";
import { explainPhysical } from "../../../explain/address/explain_physical.ts";
import type { Explainable } from "../../../explain/explained.ts";
import { loadKernel } from "../../../mod.ts";
import { openbsd } from "../../../plugins/openbsd.ts";
import { sections } from "../../../plugins/sections.ts";
import { buildElf } from "../../elf_builder.ts";

const HELLO = await Deno.readFile(new URL("../../../examples/hello/hello.elf", import.meta.url));
const MIB = 2 ** 20;

/** The facts of the reasons for an address, without their sentences. */
function factsAt(kernel: Explainable, address: bigint, options: ExplainOptions = {}): readonly object[] {
  return explainAddress(kernel, address, options).why.map(({ message: _, hint: __, ...facts }) => facts);
}

Deno.test("the pages of each part say what they were added for", async () => {
  const kernel = await loadKernel(HELLO, { reserve: 4 * MIB });
  const stack = addKernelStack(kernel, { size: 0x3000 });
  const ramdisk = addRamdisk(kernel, { bytes: new Uint8Array(0x1800).fill(7) });
  const info = writeBootInfo(kernel, { stack, ramdisk });
  const entry = addContextSwitch(kernel, { stack, info });
  const made = [
    [stack.bottom, "kernel-stack", "The page was added for the kernel stack."],
    [stack.top - 1n, "kernel-stack", "The page was added for the kernel stack."],
    [ramdisk.virt + 0x17ffn, "ramdisk", "The page was added for the ramdisk."],
    [info.address, "boot-info", "The page was added for the boot information."],
    [BigInt(entry.page), "context-switch", "The page was added for the code that enters the kernel."],
  ] as const;
  for (const [address, owner, message] of made) {
    const { why, ...found } = explainAddress(kernel, address);
    assertEquals(why.map((reason) => reason), [{ kind: "made", owner, message }]);
    assertEquals([found.owner, found.segment, found.fileOffset], [owner, null, null]);
  }
});

Deno.test("a framebuffer in device memory is physical memory that nothing took", async () => {
  const kernel = await loadKernel(HELLO);
  const { virt } = addFramebuffer(kernel, { phys: 0xfd00_0000, size: 0x2000 });
  const physical = 0xfd00_1234;
  assertEquals(factsAt(kernel, virt + 0x1234n), [{ kind: "physical", physical, through: "other" }]);
  assertEquals(explainAddress(kernel, virt).owner, null);
});

Deno.test("an overflow of the stack ends in its guard page, with or without the stack's own word for it", async () => {
  const kernel = await loadKernel(HELLO);
  const stack = addKernelStack(kernel, { size: 0x2000 });
  assert(stack.guardPage !== undefined);
  for (const options of [{}, { parts: { stack } }]) {
    for (const address of [stack.guardPage, stack.bottom - 1n]) {
      const [absent, guard, ...more] = factsAt(kernel, address, options);
      assertEquals([absent, guard], [{ ...absent, kind: "absent" }, { kind: "guard", bottom: stack.bottom }]);
      assertEquals(more, []);
    }
    const below = factsAt(kernel, stack.guardPage - 1n, options);
    assert(!below.some((reason) => "bottom" in reason));
  }
});

Deno.test("the direct map says which physical memory it has, and whose", async () => {
  const kernel = await loadKernel(HELLO, { reserve: 2 * MIB });
  const directMap = addDirectMap(kernel, { size: 2 ** 30 });
  const parts = { directMap };
  const at = (phys: number) => directMap.offset + BigInt(phys);
  const through = "direct-map";
  const cases = [
    [0x20_1004, { kind: "physical", physical: 0x20_1004, through, owner: "file", fileOffset: 0x1004 }],
    [0x20_8010, { kind: "physical", physical: 0x20_8010, through, owner: "copy" }],
    [0x3000_0000, { kind: "physical", physical: 0x3000_0000, through }],
  ] as const;
  for (const [phys, facts] of cases) assertEquals(factsAt(kernel, at(phys), { parts }), [facts]);
  const physical = kernel.level4Frame + 511 * 8;
  assertEquals(factsAt(kernel, at(physical), { parts }), [
    { kind: "physical", physical, through, owner: "table" },
    { kind: "table", level: 4, entry: 511, covers: 0xffff_ff80_0000_0000n },
  ]);
  assertEquals(explainAddress(kernel, at(physical)).pageSize, 2 ** 30);
  const unknown = factsAt(kernel, at(0x20_1004));
  assertEquals(unknown, [{ ...cases[0][1], through: "other" }]); // without the direct map's own word
  const message = explainAddress(kernel, at(0x20_1004), { parts }).why[0].message;
  assertEquals(
    message,
    "The direct map maps physical 0x201004 here; the frame holds the file's bytes, here the one at file offset 0x1004.",
  );
});

Deno.test("the identity map is recognized by the address", async () => {
  const kernel = await loadKernel(HELLO, { reserve: 2 * MIB });
  addIdentityMap(kernel, { size: 2 ** 30 });
  assertEquals(factsAt(kernel, 0xb_8000n), [{ kind: "physical", physical: 0xb_8000, through: "identity" }]);
});

Deno.test("through a recursive entry, tables are seen as pages", async () => {
  const kernel = await loadKernel(HELLO);
  const { index } = addRecursiveEntry(kernel, { index: 510 });
  assertEquals(index, 510);
  const { level4Frame } = kernel;
  const top = 0xffff_ff7f_bfdf_e000n; // all indices are 510
  assertEquals(factsAt(kernel, top + 510n * 8n), [
    { kind: "physical", physical: level4Frame + 510 * 8, through: "recursive", owner: "table" },
    { kind: "table", level: 4, entry: 510, covers: 0xffff_ff00_0000_0000n },
  ]);
  const [level4, level3] = kernel.pageTable.walk(kernel.entryPoint);
  const below = 0xffff_ff7f_bfdf_f000n; // the level-3 table of entry 511
  const [, table] = factsAt(kernel, below + BigInt(level3.index * 8));
  assertEquals([level4.index, table], [511, {
    kind: "table",
    level: 3,
    entry: level3.index,
    covers: 0xffff_ffff_8000_0000n,
  }]);
});

Deno.test("sections of the plugin sections are mapped from the file, with what is next to them", async () => {
  const kernel = await loadKernel(HELLO, { plugins: [sections()] });
  for (const { name, virt, size } of kernel.results.sections.mappedSections) {
    for (const address of [virt, virt + BigInt(size - 1)]) {
      const { why: [reason, ...more], fileOffset } = explainAddress(kernel, address);
      assert(reason.kind === "section" && more.length === 0);
      assertEquals([reason.name, reason.fileOffset], [name, fileOffset]);
      assertEquals(kernel.read(address, 1)[0], HELLO[reason.fileOffset]);
    }
  }
  const [{ virt, fileOffset, size }] = kernel.results.sections.sectionPages;
  const inNone = Array.from({ length: size }, (_, at) => at).find((at) => {
    return kernel.results.sections.mappedSections.every((each) => {
      return virt + BigInt(at) < each.virt || virt + BigInt(at) >= each.virt + BigInt(each.size);
    });
  })!;
  assertEquals(factsAt(kernel, virt + BigInt(inNone)), [{ kind: "section", fileOffset: fileOffset + inNone }]);
});

Deno.test("a page that was written to after the load is a copy, and the byte that differs was changed", async () => {
  const kernel = await loadKernel(HELLO);
  const at = kernel.entryPoint + 0x10n;
  const offset = 0x1010;
  kernel.addressSpace.write(at, new Uint8Array([HELLO[offset] ^ 0xff]));
  const copied = { kind: "copied", index: 0, because: "written", others: [] };
  assertEquals(factsAt(kernel, at), [
    copied,
    { kind: "loaded", index: 0, fileOffset: offset },
    { kind: "changed", was: HELLO[offset], is: HELLO[offset] ^ 0xff },
  ]);
  assertEquals(factsAt(kernel, at + 1n), [copied, { kind: "loaded", index: 0, fileOffset: offset + 1 }]);
});

Deno.test("a page of a segment that was unmapped later is said to be", async () => {
  const kernel = await loadKernel(HELLO);
  kernel.pageTable.unmap(kernel.entryPoint);
  const [absent, unmapped] = factsAt(kernel, kernel.entryPoint);
  assertEquals([absent, unmapped], [{ ...absent, kind: "absent" }, { kind: "unmapped", index: 0 }]);
});

Deno.test("a frame that is mapped elsewhere than its segment's page is not explained by the segment", async () => {
  const kernel = await loadKernel(HELLO);
  kernel.pageTable.unmap(0xffff_ffff_8000_1000n);
  kernel.pageTable.mapTo(0xffff_ffff_8000_1000n, 0x20_3000, 1n);
  assertEquals(factsAt(kernel, 0xffff_ffff_8000_1000n), [
    { kind: "physical", physical: 0x20_3000, through: "other", owner: "file", fileOffset: 0x3000 },
  ]);
});

Deno.test("random bytes of the plugin openbsd are no changes by anyone", async () => {
  const file = buildElf({
    segments: [
      { p_flags: 6, filesz: 0x100, offset: 0x1000 },
      { p_type: 0x65a3_dbe6, p_flags: 4, p_vaddr: 0x40_0010n, filesz: 0x10, offset: 0x1010 },
    ],
  });
  const kernel = await loadKernel(file, { plugins: [openbsd({ seed: 7n })] });
  const copied = { kind: "copied", index: 0, because: "written", others: [] };
  for (const at of [0x10, 0x1f]) {
    assertEquals(factsAt(kernel, 0x40_0000n + BigInt(at)), [
      copied,
      { kind: "loaded", index: 0, fileOffset: 0x1000 + at },
      { kind: "randomized" },
    ]);
  }
  assertEquals(factsAt(kernel, 0x40_0020n), [copied, { kind: "loaded", index: 0, fileOffset: 0x1020 }]);
});

Deno.test("explainPhysical() says whose a frame is", async () => {
  const kernel = await loadKernel(HELLO);
  const cases: readonly (readonly [number, object])[] = [
    [0x20_3004, { owner: "file", fileOffset: 0x3004, segments: [2], table: null, known: true }],
    [0x20_8004, { owner: "copy", fileOffset: null, segments: [], table: null, known: true }],
    [0x20_9000, { owner: "bss", fileOffset: null, segments: [], table: null, known: true }],
    [kernel.nextFrame, { owner: null, fileOffset: null, segments: [], table: null, known: true }],
    [0xb_8000, { owner: null, fileOffset: null, segments: [], table: null, known: true }],
    [2 ** 40, { owner: null, fileOffset: null, segments: [], table: null, known: false }],
  ];
  for (const [physical, facts] of cases) {
    const { message, ...found } = explainPhysical(kernel, physical);
    assertEquals(found as object, { physical, ...facts });
    assert(/^(The|Nothing) .*\.$/.test(message));
  }
  const tables = [...kernel.pageTable.tables()];
  assertEquals(tables.length, 4);
  for (const { level, frame, virt } of tables) {
    assertEquals(explainPhysical(kernel, frame + 0x18).table, { level: level as 4, covers: virt, entry: 3 });
  }
});
