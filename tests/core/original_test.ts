import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { type AnyPlugin, type ErrorCode, type LoadedKernel, LoadError, loadKernel } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
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

type AnyKernel = LoadedKernel<readonly AnyPlugin[]>;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

async function answerOf(kernel: AnyKernel, withOffset: boolean): Promise<Answer> {
  const { base } = kernel.memory;
  const bytes = kernel.memory.bytes(base, kernel.nextFrame - base) as Uint8Array<ArrayBuffer>;
  const tls = kernel.tlsTemplate;
  return {
    ok: true,
    entryPoint: hex(kernel.entryPoint),
    ...(withOffset ? { virtualAddressOffset: hex(kernel.virtualAddressOffset) } : {}),
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

/** Pages one by one: the original's runs also end where a mark of its own differs. */
function pages(answer: Answer): Answer {
  if (!answer.ok) return answer;
  const mappings = answer.mappings.flatMap(({ virt, phys, pages, flags }) =>
    Array.from({ length: pages }, (_, at) => ({
      virt: hex(BigInt(virt) + BigInt(at * 4096)),
      phys: hex(Number(phys) + at * 4096),
      pages: 1,
      flags,
    }))
  );
  return { ...answer, mappings };
}

/** Loads a file as a column says, and gives the error where the original has one too. */
async function checkRow({ name }: AnsweredFile, answer: Answer, column: string): Promise<LoadError | undefined> {
  const base = column.match(/kernelBase=(0x[0-9a-f]+)/)?.[1];
  const preset = presets[column.split(" ")[0] as "bootloader-0.10" | "bootloader-0.11"];
  const kernelBase = base === undefined ? {} : { kernelBase: BigInt(base) };
  const load = (): Promise<AnyKernel> =>
    loadKernel<readonly AnyPlugin[]>(readOriginal(name), { ...preset, ...ORIGINAL_LAYOUT, ...kernelBase });
  if (answer.ok) {
    const got = await answerOf(await load(), column.startsWith("bootloader-0.11"));
    assertEquals(pages(got), pages(answer), name);
    return undefined;
  }
  const error = await load().then(() => undefined, (reason: unknown) => reason);
  assertInstanceOf(error, LoadError, `${name} is refused by the original: ${answer.message}`);
  return error;
}

Deno.test("bootloader-0.10: every file that has an answer gives the original's, byte for byte", async (t) => {
  const column = "bootloader-0.10";
  const rows = answeredFiles().filter((file) => file[column] !== undefined);
  assertEquals(rows.length, 238);
  for (const file of rows) {
    await t.step(file.name, async () => {
      const answer = file[column] as Answer;
      const error = await checkRow(file, answer, column);
      if (!error || answer.ok) return;
      const codes = CODES[answer.message.replace(/: VirtAddrNotValid.*/, "")];
      assert(codes, `no code of ours stands for: ${answer.message}`);
      const named = codes.includes(error.code) || SEVERAL_FAULTS.includes(file.name);
      assert(named, `${file.name}: ${error.code}, ${answer.message}`);
    });
  }
});

Deno.test("bootloader-0.11: every file gives the original's answers at every base, byte for byte", async (t) => {
  const columns = answeredFiles().flatMap((file) =>
    Object.keys(file).filter((key) => key.startsWith("bootloader-0.11")).map((column) => ({ file, column }))
  );
  assertEquals(columns.length, 554);
  for (const { file, column } of columns) {
    await t.step(`${file.name} ${column}`, async () => void await checkRow(file, file[column] as Answer, column));
  }
});

Deno.test("the copies of the original's files are the files that it was run on", async () => {
  for (const { name, sha256, size } of answeredFiles()) {
    const file = readOriginal(name);
    assertEquals(file.length, size);
    assertEquals(encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", file))), sha256, name);
  }
});
