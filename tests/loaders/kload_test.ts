import { assert, assertEquals, assertRejects } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile, type RandomSource } from "../../core/file/kept_file.ts";
import type { KernelSource } from "../../core/intake/source.ts";
import { NO_EXECUTE } from "../../core/paging/mod.ts";
import { checkKernel } from "../../loaders/check_kernel.ts";
import { kload } from "../../loaders/kload.ts";
import type { Circumstances, Judgement } from "../../loaders/loader.ts";
import { errorHint, LoadError, loadKernel } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { buildElf } from "../elf_builder.ts";
import { answeredFiles, readOriginal } from "../original.ts";
import { withSection } from "../protocols/config_builder.ts";
import { readerOf, watched } from "../core/intake/watched_sources.ts";

async function judge(source: KernelSource | RandomSource, more: Partial<Circumstances> = {}): Promise<Judgement> {
  const file = keepFile(source, more);
  return await kload.judge(await readModel(file, kload.parts), { memory: 2 ** 28, ...more }, file);
}

Deno.test("kload's verdict is what its load comes to, for every file of the corpus", async () => {
  const outcomes = { boots: 0, refuses: 0, fails: 0 };
  for (const { name } of answeredFiles()) {
    const file = readOriginal(name);
    const { outcome, rule, words, hint } = await judge(file);
    outcomes[outcome]++;
    try {
      const { entryPoint, pageTable } = await loadKernel(file, presets.default);
      const entry = pageTable.translate(entryPoint);
      const isEntered = entry.mapped && (entry.flags & NO_EXECUTE) === 0n;
      assertEquals([outcome, rule], isEntered ? ["boots", undefined] : ["fails", "entry-not-executable"], name);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      assertEquals([outcome, rule], ["refuses", error.code], name);
      if (error.code === "not-elf") {
        assert(words?.includes("its magic number is") || words?.includes("which is not ELF: "), name);
        continue;
      }
      // The names of values in headers are not the load's.
      const plain = (text = "") => text.replace(/( is 0x[0-9a-f]+) \([^)]*\),/, "$1,");
      assertEquals(plain(words), plain(error.message), name);
      assertEquals(hint ?? "", errorHint(error.code, error.detail), name);
    }
  }
  assert(Object.values(outcomes).every((count) => count > 10), JSON.stringify(outcomes));
});

/** A field of a header: its file offset in a file with two program headers, as the specification has it. */
const FIELDS: readonly (readonly [code: string, offset: number, file: Parameters<typeof buildElf>[0]])[] = [
  ["class-unsupported", 4, { header: { EI_CLASS: 3 } }],
  ["data-encoding-unsupported", 5, { header: { EI_DATA: 2 } }],
  ["type-unsupported", 16, { header: { e_type: 1 } }],
  ["machine-unsupported", 18, { header: { e_machine: 183 } }],
  ["program-headers-out-of-file", 32, { header: { e_phoff: 0x10000n }, length: 0x2000 }],
  ["record-size-mismatch", 54, { header: { e_phentsize: 55 } }],
  ["alignment-invalid", 64 + 56 + 48, { segments: [{ filesz: 16 }, { filesz: 16, p_align: 3n }] }],
  ["filesz-exceeds-memsz", 64 + 56 + 32, { segments: [{ filesz: 16 }, { filesz: 16, p_memsz: 15n }] }],
  ["address-not-canonical", 64 + 16, { segments: [{ filesz: 16, p_vaddr: 0x8000_0000_0000n }] }],
  ["segment-out-of-file", 64 + 8, { segments: [{ filesz: 0x1000, offset: 0x1000 }], length: 0x1800 }],
];

for (const [code, offset, spec] of FIELDS) {
  Deno.test(`a refusal with the code ${code} names the file offset of the field`, async () => {
    const file = buildElf({ segments: [{ filesz: 16 }], ...spec });
    if (spec?.header?.EI_CLASS !== undefined) file[4] = spec.header.EI_CLASS;
    if (spec?.header?.EI_DATA !== undefined) file[5] = spec.header.EI_DATA;
    if (spec?.header?.e_phentsize !== undefined) file[54] = spec.header.e_phentsize;
    const verdict = await judge(file);
    assertEquals([verdict.outcome, verdict.rule, verdict.offset], ["refuses", code, offset]);
    assertEquals(verdict.index, offset < 64 ? undefined : Math.floor((offset - 64) / 56));
  });
}

Deno.test("a kernel whose entry is not executable fails, and the verdict says why", async () => {
  const data = { filesz: 16, p_flags: 6, offset: 0x2000, p_vaddr: 0x40_2000n };
  const inData = await judge(buildElf({ header: { e_entry: 0x40_2000n }, segments: [{ filesz: 16 }, data] }));
  assertEquals([inData.outcome, inData.rule, inData.offset], ["fails", "entry-not-executable", 24]);
  assert(inData.message?.includes("entry point 0x402000 is mapped, but not executable"), inData.message);
  const nowhere = await judge(buildElf({ header: { e_entry: 0x123n }, segments: [{ filesz: 16 }] }));
  assert(nowhere.message?.includes("entry point 0x123 is not mapped"), nowhere.message);
  const physical = { filesz: 16, p_vaddr: 0xffff_ffff_8010_0000n, p_paddr: 0x10_0000n };
  const byPhysical = await judge(buildElf({ header: { e_entry: 0x10_0000n }, segments: [physical] }));
  assertEquals([byPhysical.outcome, byPhysical.index], ["fails", 0]);
  assert(byPhysical.message?.includes("it is a physical address"), byPhysical.message);
});

Deno.test("where a kernel is placed, and how much it may take, is up to the caller", async () => {
  const movable = buildElf({ header: { e_type: 3 }, segments: [{ filesz: 16, p_memsz: 2n ** 21n }] });
  assertEquals((await judge(movable, { kernelBase: 0xffff_8000_0000_0000n })).outcome, "boots");
  assertEquals((await judge(movable, { kernelBase: 0x800n })).rule, "kernel-base-misaligned");
  assertEquals((await judge(movable, { maxMemory: 2 ** 20 })).rule, "memory-limit-exceeded");
});

Deno.test("a source that fails, or an abort, is no verdict", async () => {
  const file = buildElf({ segments: [{ filesz: 0x1000 }] });
  const fails = () => {
    throw new Error("the disk is gone");
  };
  const { stream } = watched([file.slice(0, 0x1800)], (controller) => controller.error(new Error("gone")));
  for (const source of [readerOf(file.slice(0, 0x1800), fails), stream]) {
    const error = await assertRejects(() => judge(source), LoadError);
    assertEquals(error.code, "source-failed");
  }
  const controller = new AbortController();
  const reader = readerOf(file.slice(0, 0x1800), () => new Promise(() => {}));
  setTimeout(() => controller.abort(new Error("enough")));
  await assertRejects(() => judge(reader, controller), Error, "enough");
});

Deno.test("of what is not ELF, kload says what it is and what helps, and of a module who loads it", async () => {
  const cases: readonly (readonly [Uint8Array, string, string, string?])[] = [
    [
      new TextEncoder().encode("!<arch>\ndebian-binary   "),
      "not ELF: Debian package (ar)",
      "Unpack it",
      "dpkg-deb -x FILE .",
    ],
    [new TextEncoder().encode("070701"), "not ELF: cpio archive", "--ramdisk", "cpio -id < FILE"],
    [new TextEncoder().encode("Hello\n"), 'not ELF: text that starts with "Hello"', "the linked ELF file itself."],
  ];
  for (const [file, says, hints, commands] of cases) {
    const { outcome, rule, words, message, hint, command } = await judge(file);
    assertEquals([outcome, rule, words], ["refuses", "not-elf", message]);
    assert(message?.endsWith(says) || message?.includes(says), message);
    assert(hint?.includes(hints), hint);
    if (commands !== undefined) assertEquals(command, commands);
  }
  const other = await judge(buildElf({ header: { e_machine: 0xb7 }, segments: [{ filesz: 16 }] }));
  assertEquals(other.message, "Cannot load the file: e_machine is 0xb7 (AArch64), not EM_X86_64 (0x3e)");
});

Deno.test("an object file that is a module is not to be linked", async () => {
  const object = (section: string) =>
    withSection(buildElf({ header: { e_type: 1 }, segments: [{ filesz: 16 }] }), section, new Uint8Array(8)).file;
  const hintOf = async (section: string) =>
    (await checkKernel(object(section), { loaders: ["kload", "bootloader-0.11"] })).verdicts[0].hint;
  assertEquals(await hintOf(".text"), "It is a relocatable object (.o): link it first.");
  assert((await hintOf(".modinfo"))?.includes("module of Linux (.ko)"));
  assert((await hintOf(".modname"))?.includes("module of GRUB (.mod)"));
});
