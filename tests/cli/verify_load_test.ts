import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { loadByPreset } from "../../cli/commands/load_by_preset.ts";
import { recordReader } from "../../cli/commands/record_reader.ts";
import { isLoadedAsAsked } from "../../cli/commands/verify_load.ts";
import type { Kernel } from "../../cli/report/kernel.ts";
import { PF_R, PF_W, PF_X, PT_GNU_RELRO, PT_LOAD } from "../../core/elf/constants.ts";
import type { ByteReader, RuleSetName } from "../../mod.ts";
import { NO_EXECUTE, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { buildElf } from "../elf_builder.ts";
import { answeredFiles, readOriginal } from "../original.ts";
import { HELLO, kload, kloadJson, pathOf, withFile } from "./kload.ts";

const never = new AbortController().signal;
const RULE_SETS: readonly RuleSetName[] = ["default", "bootloader-0.10", "bootloader-0.11"];

function readerOf(bytes: Uint8Array, most = Infinity): ByteReader {
  let at = 0;
  return {
    read: (buffer) => {
      const piece = bytes.subarray(at, at += Math.min(most, buffer.length));
      buffer.set(piece);
      return piece.length || null;
    },
  };
}

function load(file: Uint8Array, rules: RuleSetName = "default"): Promise<Kernel> {
  return loadByPreset(readerOf(file), { rules });
}

const hello = Deno.readFileSync(HELLO);
const pie = Deno.readFileSync(pathOf("examples/hello/hello-pie.elf"));

const BIG_ENDIAN = buildElf({ header: { EI_DATA: 2 }, segments: [{ filesz: 0x100 }], length: 0x2000 });

const VERDICTS: readonly (readonly [string, Uint8Array, RuleSetName, boolean])[] = [
  ["a kernel with bss and TLS", hello, "default", true],
  ["the same", hello, "bootloader-0.10", true],
  ["a position-independent kernel, whose bytes relocation changes", pie, "bootloader-0.11", false],
  ["a position-independent kernel, not relocated", readOriginal("dyn-tls.elf"), "bootloader-0.10", false],
  ["DT_RELR, which the rules ignore", readOriginal("dyn-tag-relr.elf"), "bootloader-0.10", false],
  ["a relocation in no segment, which the rules ignore", readOriginal("dyn-reloc-gap.elf"), "bootloader-0.10", false],
  ["an alignment of 7", readOriginal("align-7-ok.elf"), "bootloader-0.10", true],
  ["addresses that differ from offsets in their page", readOriginal("seg-noncongruent-align1.elf"), "default", true],
  ["the same, mapped all the same", readOriginal("seg-noncongruent-align1.elf"), "bootloader-0.10", false],
  ["two segments that share a page", readOriginal("seg-two-share-virtual-page.elf"), "default", true],
  ["an entry point in a page that is not executable", readOriginal("flags-6rw.elf"), "default", false],
  ["a file for RISC-V", readOriginal("hdr-machine-riscv.elf"), "bootloader-0.10", false],
  ["a 32-bit file", readOriginal("elf32-higher-va.elf"), "bootloader-0.10", false],
  ["a relocatable file", readOriginal("hdr-type-rel.elf"), "bootloader-0.10", false],
  ["a big-endian file", BIG_ENDIAN, "bootloader-0.10", false],
];

for (const [what, file, rules, expected] of VERDICTS) {
  Deno.test(`${what} is ${expected ? "loaded as asked" : "not loaded as asked"} by the ${rules} rules`, async () => {
    assertEquals(await isLoadedAsAsked(await load(file, rules), file, never), expected);
  });
}

/** The same question, answered page by page and byte by byte. */
function isRight(kernel: Kernel, file: Uint8Array): boolean {
  const { fileHeader, programHeaders, entryPoint, pageTable } = kernel;
  const { EI_CLASS, EI_DATA, e_machine, e_type } = fileHeader;
  if (EI_CLASS !== 2 || EI_DATA !== 1 || e_machine !== 62 || e_type !== 2) return false;
  const permissions = (virt: bigint): number => {
    const entries = pageTable.walk(virt).map(({ entry }) => entry);
    if (!entries.every((entry) => entry & PRESENT)) return 0;
    return PF_R | (entries.every((entry) => entry & WRITABLE) ? PF_W : 0) |
      (entries.some((entry) => entry & NO_EXECUTE) ? 0 : PF_X);
  };
  const asked = new Map<bigint, number>();
  try {
    for (const { p_type, p_vaddr, p_memsz, p_filesz, p_offset, p_flags } of programHeaders) {
      if (p_type !== PT_LOAD || p_memsz === 0n) continue;
      if (p_filesz > p_memsz) return false;
      const size = Number(p_memsz);
      const bytes = new Uint8Array(size);
      bytes.set(file.subarray(Number(p_offset), Number(p_offset + p_filesz)));
      if (kernel.read(p_vaddr, size).some((byte, at) => byte !== bytes[at])) return false;
      for (let page = p_vaddr & ~0xfffn; page < p_vaddr + BigInt(size); page += 0x1000n) {
        asked.set(page, (asked.get(page) ?? 0) | (p_flags & (PF_W | PF_X)) | PF_R);
      }
    }
    return [...asked].every(([page, flags]) => permissions(page) === flags) &&
      entryPoint === fileHeader.e_entry && (permissions(entryPoint) & PF_X) !== 0;
  } catch {
    return false;
  }
}

Deno.test("every file of the corpus with fixed addresses gets the verdict of a look at each byte and page", async () => {
  const verdicts = new Set<string>();
  for (const { name } of answeredFiles()) {
    const file = readOriginal(name);
    for (const rules of RULE_SETS) {
      const kernel = await load(file, rules).catch(() => undefined);
      if (!kernel || kernel.fileHeader.e_type === 3) continue;
      const sizes = kernel.programHeaders.map(({ p_type, p_memsz }) => p_type === PT_LOAD ? p_memsz : 0n);
      const isSealed = kernel.programHeaders.some(({ p_type }) => p_type === PT_GNU_RELRO);
      if (isSealed || sizes.reduce((sum, size) => sum + size, 0n) > 2n ** 22n) continue;
      const verdict = await isLoadedAsAsked(kernel, file, never);
      assertEquals(verdict, isRight(kernel, file), `${name} ${rules}`);
      verdicts.add(`${rules} ${verdict}`);
    }
  }
  assertEquals(verdicts.size, 2 * RULE_SETS.length);
});

const CHANGES: readonly (readonly [string, (kernel: Kernel) => void])[] = [
  ["a byte of the file", ({ memory, pageTable }) => flip(memory, pageTable.translate(0xffffffff_80000100n))],
  ["a byte of bss", ({ memory, pageTable }) => flip(memory, pageTable.translate(0xffffffff_8000563fn))],
  ["a page that is missing", ({ pageTable }) => pageTable.unmap(0xffffffff_80003000n)],
  ["a page that became writable", ({ pageTable }) => {
    pageTable.updateFlags(0xffffffff_80001000n, PRESENT | WRITABLE | NO_EXECUTE);
  }],
  ["a page that became executable", ({ pageTable }) => pageTable.updateFlags(0xffffffff_80001000n, PRESENT)],
];

function flip(memory: Kernel["memory"], at: ReturnType<Kernel["pageTable"]["translate"]>): void {
  assert(at.mapped);
  memory.bytes(at.phys, 1)[0] ^= 1;
}

for (const [what, change] of CHANGES) {
  Deno.test(`${what} makes the verdict false`, async () => {
    const kernel = await load(hello);
    change(kernel);
    assertEquals(await isLoadedAsAsked(kernel, hello, never), false);
  });
}

Deno.test("what was not kept, or is too much, is not vouched for, and an abort ends the work", async () => {
  assertEquals(await isLoadedAsAsked(await load(hello), hello.subarray(0, 0x3027), never), false);
  const huge = buildElf({ segments: [{ filesz: 0x100, p_memsz: 2n ** 28n + 1n, p_flags: 7 }] });
  assertEquals(await isLoadedAsAsked(await load(huge), huge, never), false);
  const large = buildElf({ segments: [{ filesz: 0x100, p_memsz: 2n ** 28n, p_flags: 7 }] });
  const kernel = await load(large);
  await assertRejects(() => isLoadedAsAsked(kernel, large, AbortSignal.abort()), DOMException);
});

Deno.test("a recorded reader keeps what was read, and reads no more than its limit", async () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, at) => at * 7);
  for (const limit of [0, 5, 100_000, 150_000, 10 ** 6]) {
    const recording = recordReader(readerOf(bytes, 999), limit);
    const buffer = new Uint8Array(5000);
    let total = 0;
    const readAll = async () => {
      for (let count = await recording.reader.read(buffer); count !== null;) {
        total += count;
        count = await recording.reader.read(buffer);
      }
    };
    if (limit < bytes.length) await assertRejects(readAll, RangeError, `more than ${limit} bytes`);
    else await readAll();
    assertEquals([total, recording.bytes()], [Math.min(limit, bytes.length), bytes.subarray(0, limit)]);
  }
});

Deno.test("a file that is refused by its first bytes is not read to its end to try other rules", async () => {
  const refused = buildElf({ segments: [{ filesz: 0x100, p_memsz: 0x80n }], length: 0x2000 });
  const more = new Uint8Array(2 ** 20);
  let given = 0;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      controller.enqueue(given === 0 ? refused : more);
      given += more.length;
    },
  });
  const { status, stderr } = await kload(["-"], { stdin: endless });
  assertEquals(status, 1);
  assert(stderr.includes("error[filesz-exceeds-memsz]") && !stderr.includes("note:"), stderr);
  assertLessOrEqual(given, 64 * more.length);
});

const REFUSED: readonly (readonly [string, readonly string[] | undefined, string])[] = [
  ["align-7-ok.elf", ["bootloader-0.10", "bootloader-0.11"], "note: --rules bootloader-0.11 would accept this file\n"],
  ["hdr-machine-riscv.elf", [], ""],
  ["hdr-elf32-well-formed.elf", [], ""],
  ["hdr-type-rel.elf", [], ""],
  ["dyn-reloc-gap.elf", [], ""],
  ["trunc-17.elf", [], "note: no other rule set accepts this file\n"],
];

for (const [name, acceptedBy, note] of REFUSED) {
  Deno.test(`the refusal of ${name} names rules that load it rightly, and no others`, async () => {
    const path = pathOf(`tests/fixtures/original/corpus/${name}`);
    const { status, json } = await kloadJson([path]);
    assertEquals([status, json.error.acceptedBy], [1, acceptedBy]);
    const { stderr } = await kload([path]);
    assert(stderr.endsWith(note) && stderr.includes("note:") === (note !== ""), stderr);
  });
}

Deno.test("rules that relocate are named for a kernel that needs relocation", async () => {
  const refused = readOriginal("dyn-reloc-type-64.elf");
  await withFile("pie.elf", refused, async (path) => {
    const { json } = await kloadJson([path, "--rules", "bootloader-0.11"]);
    assertEquals([json.error.code, json.error.acceptedBy], ["relocation-unsupported", ["default"]]);
  });
});
