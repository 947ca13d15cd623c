import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { type ErrorCode, type LoadedKernel, LoadError, loadKernel } from "../../mod.ts";
import { type Answer, type AnsweredFile, answeredFiles, ORIGINAL_LAYOUT, readOriginal } from "../original.ts";

/** Which of our codes stand for a message of the original, where a file has the one fault that it names. */
const CODES: Readonly<Record<string, readonly ErrorCode[]>> = {
  "File is shorter than the first ELF header part": ["file-too-short"],
  "Did not find ELF magic number": ["not-elf"],
  "Invalid ELF class": ["class-unsupported"],
  "header_size does not match size of header": ["record-size-mismatch"],
  "no version": ["version-unsupported"],
  "no data format": ["data-encoding-unsupported"],
  "program header table out of range": ["program-headers-out-of-file"],
  "section header table out of range": ["section-headers-out-of-file"],
  "program header size mismatch": ["record-size-mismatch"],
  "entry point out of range": ["segment-out-of-file"],
  "Invalid type": ["segment-type-refused"],
  "Invalid combination of virtual_addr, offset, and align": ["alignment-mismatch"],
  "multiple TLS segments not supported": ["tls-repeated"],
  "map_to failed": ["page-already-mapped"],
  "Failed to unmap last segment page because of bss memory": ["page-not-mapped"],
  "Failed to map new frame for bss memory": ["page-already-mapped"],
  // What it aborts with, in the words of its language.
  "index out of bounds: the len is 0 but the index is 0": ["file-too-short"],
  "range end index 64 out of range for slice of length 17": ["file-too-short"],
  "assertion failed: mem::size_of::<T>() <= input.len()": ["record-size-mismatch"],
  "called `Option::unwrap()` on a `None` value": ["memory-too-small"],
  "attempt to add with overflow": [
    "address-overflow",
    "segment-out-of-file",
    "program-headers-out-of-file",
    "section-headers-out-of-file",
  ],
  "address passed to VirtAddr::new must not contain any data in bits 48 to 64": ["address-not-canonical"],
};

/** Files with several faults, of which the original and we name different ones. */
const SEVERAL_FAULTS: readonly string[] = [
  "hdr-data-2-be-content.elf",
  "hdr-phentsize-65535.elf",
  "hdr-phnum-2-second-garbage.elf",
  "order-data-before-phtable.elf",
  "order-ehsize-before-version.elf",
  "order-phentsize-before-range.elf",
  "order-range-before-shlib.elf",
  "order-version-before-data.elf",
];

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

async function answerOf(kernel: LoadedKernel): Promise<Answer> {
  const { base } = kernel.memory;
  const bytes = kernel.memory.bytes(base, kernel.nextFrame - base) as Uint8Array<ArrayBuffer>;
  const tls = kernel.tlsTemplate;
  return {
    ok: true,
    entryPoint: hex(kernel.entryPoint),
    tls: tls ? { startAddr: hex(tls.startAddr), fileSize: Number(tls.fileSize), memSize: Number(tls.memSize) } : null,
    usedLevel4: [...kernel.usedLevel4Entries],
    framesAllocated: kernel.framesAllocated,
    nextFrame: hex(kernel.nextFrame),
    memorySha256: encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))),
    mappings: [...kernel.mappings()].map(({ virt, phys, size, writable, executable }) => ({
      virt: hex(virt),
      phys: hex(phys),
      pages: size / 4096,
      flags: `R${writable ? "W" : "-"}${executable ? "X" : "-"}`,
    })),
  };
}

async function checkRow({ name }: AnsweredFile, answer: Answer): Promise<void> {
  const load = () => loadKernel(readOriginal(name), { rules: "bootloader-0.10", ...ORIGINAL_LAYOUT });
  if (answer.ok) {
    assertEquals(await answerOf(await load()), answer, name);
    return;
  }
  const error = await load().then(() => undefined, (reason: unknown) => reason);
  assertInstanceOf(error, LoadError, `${name} is refused by the original: ${answer.message}`);
  const codes = CODES[answer.message.replace(/: VirtAddrNotValid.*/, "")];
  assert(codes, `no code of ours stands for: ${answer.message}`);
  if (!SEVERAL_FAULTS.includes(name)) assert(codes.includes(error.code), `${name}: ${error.code}, ${answer.message}`);
}

Deno.test("bootloader-0.10: every file that has an answer gives the original's, byte for byte", async (t) => {
  const rows = answeredFiles().filter((file) => file["bootloader-0.10"] !== undefined);
  assertEquals(rows.length, 238);
  for (const file of rows) {
    await t.step(file.name, () => checkRow(file, file["bootloader-0.10"] as Answer));
  }
});

Deno.test("the copies of the original's files are the files that it was run on", async () => {
  for (const { name, sha256, size } of answeredFiles()) {
    const file = readOriginal(name);
    assertEquals(file.length, size);
    assertEquals(encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", file))), sha256, name);
  }
});
