import { assert, assertEquals, assertRejects } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { type CrateVersion, judgeCrate } from "../../loaders/bootloader/judge_crate.ts";
import { bootloader010 } from "../../loaders/bootloader_0_10.ts";
import { bootloader011 } from "../../loaders/bootloader_0_11.ts";
import type { Circumstances, Judgement, Loader } from "../../loaders/loader.ts";
import { LoadError } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { type Answer, answeredFiles, readOriginal } from "../original.ts";
import { configBytes, withSection } from "../protocols/config_builder.ts";

const MEMORY = 2 ** 28;

async function judgePastConfig(version: CrateVersion, file: Uint8Array, more: Partial<Circumstances> = {}) {
  const kept = keepFile(file);
  return await judgeCrate(version, await readModel(kept, []), { memory: MEMORY, ...more }, kept);
}

async function judge(loader: Loader, file: Uint8Array, more: Partial<Circumstances> = {}): Promise<Judgement> {
  const kept = keepFile(file);
  return await loader.judge(await readModel(kept, loader.parts), { memory: MEMORY, ...more }, kept);
}

/** What the original's answer means: it does not look at the entry point of a kernel that it loads. */
function expected({ ok }: Answer): Judgement["outcome"] {
  return ok ? "boots" : "refuses";
}

Deno.test("the verdicts are the original's answers, in every column of every file", async (t) => {
  let columns = 0;
  for (const file of answeredFiles()) {
    const bytes = readOriginal(file.name);
    for (const column of Object.keys(file).filter((key) => key.startsWith("bootloader"))) {
      columns++;
      const base = column.match(/kernelBase=(0x[0-9a-f]+)/)?.[1];
      const more = base === undefined ? {} : { kernelBase: BigInt(base) };
      const version = column.split(" ")[0] as CrateVersion;
      const answer = file[column] as Answer;
      const verdict = await judgePastConfig(version, bytes, more);
      if (verdict.outcome !== expected(answer)) {
        await t.step(`${file.name} ${column}`, () => assertEquals(verdict.outcome, expected(answer)));
      }
      assertEquals(verdict.rule === undefined, verdict.outcome === "boots");
      if (verdict.words !== undefined) assertEquals(answer.ok || answer.message, verdict.words, file.name);
    }
  }
  assertEquals(columns, 792);
});

Deno.test("both profiles ask the original's rules", async () => {
  for (const file of answeredFiles()) {
    const bytes = readOriginal(file.name);
    const answer = file["bootloader-0.10"] as Answer | undefined;
    if (answer) assertEquals((await judge(bootloader010, bytes)).outcome, expected(answer), file.name);
    const verdict = await judge(bootloader011, bytes);
    const isElf = bytes.length >= 64 && bytes[0] === 0x7f && [1, 2].includes(bytes[4]);
    if (isElf && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46) {
      assertEquals([verdict.outcome, verdict.rule], ["refuses", "missing-bootloader-config"], file.name);
    } else assertEquals(verdict.outcome, expected(file["bootloader-0.11"] as Answer), file.name);
  }
});

const KERNEL = buildElf({ segments: [{ filesz: 0x100 }] });

/** A position-independent kernel; 0x200000 is its only segment. */
const MOVABLE = buildElf({
  header: { e_type: 3, e_entry: 0x20_0000n },
  segments: [{ filesz: 16, p_vaddr: 0x20_0000n }],
});

const INCOMPATIBLE = "kernel was compiled with incompatible bootloader_api version";

Deno.test("bootloader-0.11 demands a configuration of a length and with values that it knows", async () => {
  const good = configBytes({ length: 124 });
  const at = (offset: number, value: number) => good.with(offset, value);
  const cases: readonly (readonly [Uint8Array, error?: string, at?: number])[] = [
    [good],
    [configBytes({ length: 133 })],
    [configBytes({ length: 115 }), "invalid len", 0],
    [configBytes({ length: 118 }), "invalid len", 0],
    [new Uint8Array(), "invalid len", 0],
    [good.slice(1), "invalid len", 0],
    [new Uint8Array(5000), "invalid len", 0],
    [at(15, 0), "invalid UUID", 15],
    [at(22, 2), "invalid pre version", 22],
    [at(31, 2), "invalid mapping value", 31],
    [at(32, 2), "invalid mapping value", 31],
    [at(31, 1)],
    [at(58, 1)],
    [at(58, 2), "invalid phys memory value", 58],
    [at(59, 1), "invalid phys memory value", 58],
    [at(58, 1).with(59, 3), "invalid mapping value", 59],
    [at(68, 9), "invalid page table recursive value", 68],
    [at(78, 2), "invalid aslr value", 78],
    [at(79, 2), "invalid dynamic range start value", 79],
    [at(80, 2), "invalid dynamic range start value", 79],
    [at(88, 255), "invalid dynamic range end value", 88],
    [at(97, 2), "invalid mapping value", 97],
    [at(106, 2), "minimum_framebuffer_height invalid", 106],
    [at(115, 2), "minimum_framebuffer_width invalid", 115],
    [at(31, 2).with(15, 0), "invalid UUID", 15],
  ];
  for (const [config, error, offset] of cases) {
    const { file, offset: start } = withSection(KERNEL, ".bootloader-config", config);
    const verdict = await judge(bootloader011, file);
    const words = error === undefined ? undefined : `${INCOMPATIBLE}: "${error}"`;
    assertEquals([verdict.outcome, verdict.words], [words ? "refuses" : "boots", words]);
    if (offset !== undefined) assertEquals([verdict.rule, verdict.offset], ["bad-bootloader-config", start + offset]);
  }
});

Deno.test("without a configuration, bootloader-0.11 says the original's words", async () => {
  const words = "bootloader config section not found; kernel must be compiled against bootloader_api";
  assertEquals((await judge(bootloader011, KERNEL)).words, words);
  assertEquals((await judge(bootloader011, withSection(KERNEL, ".bootloader", configBytes({})).file)).words, words);
});

Deno.test("a base in the configuration is where the kernel is placed, unless the caller chose one", async () => {
  const kernelBase = 0xffff_8000_0000_0800n; // no kernel can be placed there
  const { file } = withSection(MOVABLE, ".bootloader-config", configBytes({ length: 133, kernelBase }));
  assertEquals((await judge(bootloader011, file)).rule, "kernel-base-misaligned");
  assertEquals((await judge(bootloader011, file, { kernelBase: 0x40_0000n })).outcome, "boots");
  const fixed = withSection(KERNEL, ".bootloader-config", configBytes({ length: 133, kernelBase: 0x40_0000n })).file;
  assertEquals((await judge(bootloader011, fixed)).rule, "kernel-base-refused");
});

Deno.test("a verdict names the program header and the file offset of the field at fault", async () => {
  const file = buildElf({ segments: [{ filesz: 16 }, { filesz: 16, p_vaddr: 0x50_0001n }], length: 0x2000 });
  const { rule, index, offset, message } = await judgePastConfig("bootloader-0.10", file);
  assertEquals([rule, index, offset], ["alignment-mismatch", 1, 64 + 56 + 48]);
  assert(message?.includes("program header 1"), message);
  const notElf = await judgePastConfig("bootloader-0.10", new Uint8Array(64));
  assertEquals([notElf.rule, notElf.offset, notElf.words], ["not-elf", 0, "Did not find ELF magic number"]);
});

Deno.test("a kernel that needs more than the machine's memory is refused", async () => {
  const file = buildElf({ segments: [{ filesz: 16, p_memsz: 2n ** 28n }], length: 0x2000 });
  const large = buildElf({ segments: [{ filesz: 16, p_memsz: 2n ** 29n }], length: 0x2000 });
  assertEquals((await judgePastConfig("bootloader-0.10", large)).rule, "memory-too-small");
  const { rule, hint } = await judgePastConfig("bootloader-0.10", file);
  assertEquals(rule, "frames-exhausted");
  assert(hint?.includes("0x10000000"), hint);
  assertEquals((await judgePastConfig("bootloader-0.10", file, { memory: 2 ** 29 })).outcome, "boots");
  const error = await assertRejects(() => judgePastConfig("bootloader-0.10", file, { maxMemory: 2 ** 24 }), LoadError);
  assertEquals(error.code, "memory-limit-exceeded");
});
