/** What verdicts advise: true of the file at hand, and of use when it is done literally. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EM_386 } from "../../core/elf/constants.ts";
import { checkKernel } from "../../loaders/check_kernel.ts";
import { grubMultiboot } from "../../loaders/grub_multiboot.ts";
import { grubMultiboot2 } from "../../loaders/grub_multiboot2.ts";
import { limine8 } from "../../loaders/limine_8.ts";
import { qemuKernel } from "../../loaders/qemu_kernel.ts";
import { runTool, testWithTools } from "../tools.ts";
import { judgeFile } from "./judge.ts";
import { MULTIBOOT2_CASES, MULTIBOOT_CASES } from "./grub_cases.ts";
import { kernel } from "./limine_kernel.ts";
import { CODE, dataAt, entryNote, pvhKernel, words32 } from "./pvh_kernels.ts";

/** A kernel for 32-bit x86 with a Multiboot 1 header at a file offset, and no note. */
function multibootAt(offset: number, e_machine = EM_386): Uint8Array {
  const bytes = pvhKernel({ notes: null, header: { e_machine }, length: 0xa000 });
  bytes.set(words32(0x1bad_b002, 0, -0x1bad_b002 >>> 0), offset);
  return bytes;
}

Deno.test("QEMU's advice on a Multiboot 1 header too far in the file is to move it", async () => {
  const { rule, offset, message, hint } = await judgeFile(qemuKernel, multibootAt(0x907c));
  assertEquals([rule, offset], ["pvh-note-missing", 0x907c]);
  assertStringIncludes(message ?? "", "the Multiboot 1 header at file offset 0x907c");
  assertStringIncludes(hint ?? "", "KEEP(*(.multiboot*)) before .text");
});

Deno.test("QEMU's advice on such a header in a file for x86-64, which it would refuse anyway, is a note", async () => {
  const { rule, offset, hint } = await judgeFile(qemuKernel, multibootAt(0x907c, 62));
  assertEquals([rule, offset], ["pvh-note-missing", undefined]);
  assertStringIncludes(hint ?? "", "Add a note of owner Xen");
});

Deno.test("GRUB's advice on a kernel for the other Multiboot version is the other command", async () => {
  const [first, second] = [MULTIBOOT_CASES[0].kernel, MULTIBOOT2_CASES[0].kernel];
  for (
    const [loader, file, command] of [[grubMultiboot2, first, "multiboot"], [
      grubMultiboot,
      second,
      "multiboot2",
    ]] as const
  ) {
    const { rule, hint, offset } = await judgeFile(loader, file);
    assertEquals([rule, offset], ["multiboot-header-missing", 0x1100]);
    assert(hint?.startsWith(`Boot the kernel with GRUB's command ${command}:`), hint);
  }
});

Deno.test("QEMU's advice on a low entry without memory is more memory", async () => {
  const { rule, hint } = await judgeFile(qemuKernel, pvhKernel(), CODE);
  assertEquals([rule, hint], ["entry-outside-ram", "Give the guest more memory with -m."]);
  const high = pvhKernel({ more: [dataAt(0x2000_0000n)], notes: entryNote(0x2000_0000) });
  assertStringIncludes((await judgeFile(qemuKernel, high)).hint ?? "", "Link the kernel to a lower physical address");
});

Deno.test("QEMU says which PT_LOADs overlap in a Multiboot kernel that it cannot gather", async () => {
  const file = pvhKernel({
    notes: null,
    header: { e_machine: EM_386 },
    more: [dataAt(BigInt(CODE) + 16n, { filesz: 16 })],
  });
  file.set(words32(0x1bad_b002, 0, -0x1bad_b002 >>> 0), 0x700);
  const { rule, message, hint } = await judgeFile(qemuKernel, file);
  assertEquals(rule, "multiboot-incomplete");
  assertStringIncludes(message ?? "", "program header 1 (0x100010..0x100020) overlap");
  assertStringIncludes(hint ?? "", "AT(ADDR(.data) - KERNEL_OFFSET)");
});

Deno.test("Limine's words for an image at the wrong place in a page are about pages", async () => {
  const { rule, message } = await judgeFile(limine8, kernel({ code: { p_align: 16n } }));
  assertEquals(rule, "image-base-unaligned");
  assertStringIncludes(message ?? "", "is at the start of a page. Limine puts its first byte at a multiple of");
  assert(!message?.includes("0x0 bytes"), message);
});

testWithTools(["as", "ld"], "the linker script that QEMU's advice on notes gives loads .data", async () => {
  const { hint = "" } = await judgeFile(
    qemuKernel,
    pvhKernel({ noteHeader: { p_align: 8n }, notes: entryNote(CODE, 8) }),
  );
  const [, phdrs, note, data] = hint.match(/With (.*;) in PHDRS, write (.*?), and (:data) at the next section/) ?? [];
  const folder = await Deno.makeTempDir();
  try {
    const path = (name: string): string => `${folder}/${name}`;
    const source = '.section .note.Xen,"a",@note\n.long 4,4,18\n.asciz "Xen"\n.long 0x100000\n.text\n.globl _start\n' +
      "_start: hlt\n.data\n.quad 1\n";
    await Deno.writeTextFile(path("k.s"), source);
    const sections = `. = 1M; .text : { *(.text*) } :text ${note} .data ALIGN(4K) : { *(.data*) } ${data}`;
    await Deno.writeTextFile(path("k.ld"), `PHDRS { ${phdrs} } SECTIONS { ${sections} }`);
    await runTool("as", ["-o", path("k.o"), path("k.s")]);
    await runTool("ld", ["-e", "_start", "-T", path("k.ld"), "-o", path("k.elf"), path("k.o")]);
    const bytes = await Deno.readFile(path("k.elf"));
    assertEquals((await judgeFile(qemuKernel, bytes)).outcome, "boots");
    const { findings } = await checkKernel(bytes);
    assertEquals(findings.filter(({ rule }) => rule === "section-not-loaded"), []);
    // Without the last word, .data is in the PT_NOTE alone.
    await Deno.writeTextFile(
      path("k.ld"),
      `PHDRS { ${phdrs} } SECTIONS { ${sections.slice(0, -5).replace(":text :note", ":note")} }`,
    );
    await runTool("ld", ["-e", "_start", "-T", path("k.ld"), "-o", path("k.elf"), path("k.o")]);
    const wrong = await checkKernel(await Deno.readFile(path("k.elf")));
    assertEquals(wrong.findings.map(({ rule }) => rule).includes("section-not-loaded"), true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
