/** Findings about kernels for Multiboot. */

import { assert, assertEquals } from "@std/assert";
import { checkKernel, type Finding } from "../../loaders/check_kernel.ts";
import { MULTIBOOT_FINDINGS } from "../../loaders/findings/multiboot.ts";
import type { LoaderName } from "../../loaders/loader.ts";
import { buildKernel, type KernelSpec, withSegment, words } from "./generate/kernel.ts";
import { addressTag, multiboot2Header, multiboot2Kernel, multiboot2Tag as tag } from "./generate/multiboot2.ts";
import { choices } from "./generate/random.ts";

const KERNEL = multiboot2Kernel(choices(3));

async function findingsOf(bytes: Uint8Array): Promise<readonly Finding[]> {
  const { findings } = await checkKernel(bytes);
  return findings.filter(({ rule }) => MULTIBOOT_FINDINGS.some(({ id }) => id === rule));
}

function withHeaderAt(offset: number, bytes: Uint8Array): KernelSpec {
  return { ...KERNEL, pieces: [KERNEL.pieces[0], { name: "header", offset, bytes }] };
}

/** A kernel whose second segment, from file offset 0x8000 on, has a header in it. */
function farKernel(offset: number, bytes: Uint8Array): Uint8Array {
  const kernel = withHeaderAt(offset, bytes);
  return buildKernel(withSegment(kernel, { p_offset: 0x8000n, p_filesz: 0x4000n, p_memsz: 0x4000n }));
}

const SECOND = multiboot2Header([tag(0, [])]);
const FIRST = words(0x1bad_b002, 3, -(0x1bad_b002 + 3));

Deno.test("a header that lies too far is found in what segments load", async () => {
  const [second] = await findingsOf(farKernel(0xa008, SECOND));
  assertEquals([second.rule, second.severity, second.offset], ["header-too-far", "error", 0xa008]);
  assertEquals(
    second.message,
    "A Multiboot 2 header lies at file offset 0xa008. Loaders search only the bytes before 0x8000, and do not find it.",
  );
  const [first] = await findingsOf(farKernel(0xa004, FIRST));
  assertEquals(
    first.message,
    "A Multiboot 1 header lies at file offset 0xa004. Loaders search only the bytes before 0x2000, and do not find it.",
  );
});

Deno.test("a header at its limit, out of all segments or at an odd offset is none that lies too far", async () => {
  for (const offset of [0x7ff0, 0xa004, 0xc000]) assertEquals(await findingsOf(farKernel(offset, SECOND)), []);
  assertEquals(await findingsOf(farKernel(0xa002, FIRST)), []);
});

Deno.test("the file of the field whose header lies too far", async () => {
  const bytes = Deno.readFileSync(new URL("../fixtures/field/multiboot-header-too-far.elf", import.meta.url));
  assertEquals((await findingsOf(bytes)).map(({ rule, offset }) => [rule, offset]), [["header-too-far", 0x4004]]);
});

Deno.test("a header with a wrong checksum or at an odd place is named, with the checksum that would be right", async () => {
  const wrong = SECOND.slice();
  wrong[12] += 1;
  const cases: readonly (readonly [number, Uint8Array, string, string])[] = [
    [0x1100, wrong, "Multiboot 2 header lies at file offset 0x1100, but its fields add up to 0x1", "0x17adaf12"],
    [0x1104, SECOND, "Multiboot 2 header lies at file offset 0x1104, which is not a multiple of 8", "ALIGN(8)"],
    [0x1100, words(0x1bad_b002, 3, 0), "Multiboot 1 header lies at file offset 0x1100, but its", "0xe4524ffb"],
    [0x1102, FIRST, "Multiboot 1 header lies at file offset 0x1102, which is not a multiple of 4", "ALIGN(4)"],
  ];
  for (const [offset, header, says, hint] of cases) {
    const [finding, ...others] = await findingsOf(buildKernel(withHeaderAt(offset, header)));
    assertEquals([finding.rule, finding.severity, finding.offset], ["multiboot-header-invalid", "error", offset]);
    assert(finding.message.includes(says), finding.message);
    assert(finding.hint?.includes(hint), finding.hint);
    assertEquals(others, []);
  }
});

Deno.test("a magic number that is an operand, and a header next to a right one, are nothing to remark", async () => {
  const operand = words(0x1bad_b002, 0x0f75_9090, 0xb8);
  assertEquals(await findingsOf(buildKernel(withHeaderAt(0x1102, operand))), []);
  assertEquals(await findingsOf(buildKernel(withHeaderAt(0x1100, operand))), []);
  assertEquals(await findingsOf(buildKernel(withHeaderAt(0x1100, words(0xe852_50d6, 0xb8, 3, 0)))), []);
  const { pieces } = withHeaderAt(0x1100, SECOND);
  const twice = { ...KERNEL, pieces: [...pieces, { name: "other", offset: 0x1144, bytes: SECOND }] };
  assertEquals(await findingsOf(buildKernel(twice)), []);
});

Deno.test("why no header is found is said to a GRUB that is asked alone, and costs others nothing", async () => {
  const bytes = farKernel(0xa008, SECOND);
  const ask = async (loaders: readonly LoaderName[]) => {
    let last = 0;
    const readAt = (offset: number, into: Uint8Array): number => {
      const piece = bytes.subarray(offset, offset + into.length);
      into.set(piece);
      last = Math.max(last, offset + piece.length);
      return piece.length;
    };
    const { findings } = await checkKernel({ size: bytes.length, readAt }, { loaders });
    return { rules: findings.map(({ rule }) => rule).filter((rule) => rule === "header-too-far"), last };
  };
  assertEquals((await ask(["grub-multiboot2", "qemu-kernel"])).rules, ["header-too-far"]);
  assertEquals((await ask(["grub-multiboot"])).rules, ["header-too-far"]);
  const { rules, last } = await ask(["firecracker"]);
  assertEquals(rules, []);
  assert(last <= 0x9000, `read up to ${last}`);
});

Deno.test("65,535 segments that load the same bytes are searched once", async () => {
  const bytes = farKernel(0xa000, new Uint8Array(8)).slice();
  const view = new DataView(bytes.buffer);
  view.setUint16(54, 0, true); // e_phentsize: all headers are the first
  view.setUint16(56, 0xffff, true);
  assertEquals(await findingsOf(bytes), []);
});

Deno.test("types of information on which GRUB and Limine disagree are named, each once", async () => {
  const header = multiboot2Header([
    tag(1, [4, 13, 5]),
    tag(1, [7, 13, 6]),
    tag(1, [10], { optional: true }),
    tag(0, []),
  ]);
  const findings = await findingsOf(buildKernel(withHeaderAt(0x1100, header)));
  assertEquals(findings.map(({ rule, offset, message }) => [rule, offset, message]), [
    [
      "info-request-disputed",
      0x111c,
      "The Multiboot 2 header demands information of type 13 (SMBIOS tables). Limine boots the kernel, GRUB refuses it.",
    ],
    [
      "info-request-disputed",
      0x1120,
      "The Multiboot 2 header demands information of type 5 (BIOS boot device). GRUB boots the kernel, Limine refuses it.",
    ],
    [
      "info-request-disputed",
      0x1130,
      "The Multiboot 2 header demands information of type 7 (VBE information). GRUB boots the kernel, Limine refuses it.",
    ],
  ]);
});

/** A kernel with one section, named by a string table in the same bytes. */
function withDebugSection(kernel: KernelSpec, name: string): Uint8Array {
  const table = new TextEncoder().encode(`\0${name}\0`);
  const section = { sh_addr: 0n, sh_offset: 0x2000n, sh_size: BigInt(table.length), sh_addralign: 1n };
  const bytes = buildKernel({
    ...kernel,
    header: { ...kernel.header, e_shstrndx: 2 },
    sections: [{ ...section, sh_type: 0, sh_size: 0n }, { ...section, sh_type: 1, sh_size: 0x80n }, {
      ...section,
      sh_type: 3,
    }],
    pieces: [...kernel.pieces, { name: "names", offset: 0x2000, bytes: table }],
  });
  new DataView(bytes.buffer).setUint32(0x2200 + 64, 1, true); // sh_name of section 1
  return bytes;
}

Deno.test("debug information that GRUB loads is counted, with the line that strips it", async () => {
  const [finding] = await findingsOf(withDebugSection(KERNEL, ".debug_info"));
  assertEquals([finding.rule, finding.severity, finding.offset], ["debug-info-loaded-by-grub", "info", 0x2000]);
  assertEquals(
    finding.message,
    "The file has 1 section with debug information (.debug_info), 0x80 bytes. GRUB loads them into memory with the kernel.",
  );
  assertEquals(finding.hint?.includes("objcopy --strip-debug kernel.elf boot.elf"), true);
  assertEquals(await findingsOf(withDebugSection(KERNEL, ".comment")), []);
});

Deno.test("nothing is said of debug information if GRUB loads by address fields, or not at all", async () => {
  const header = multiboot2Header([addressTag([0, 0, 0, 0]), tag(3, [0]), tag(0, [])]);
  assertEquals(await findingsOf(withDebugSection(withHeaderAt(0x1100, header), ".debug_info")), []);
  assertEquals(await findingsOf(withDebugSection({ ...KERNEL, pieces: [KERNEL.pieces[0]] }, ".debug_info")), []);
});

Deno.test("findings have names that no rule of a loader has, and are complete sentences", () => {
  for (const { id, about, why, mend, source } of MULTIBOOT_FINDINGS) {
    assertEquals([id, about, why, mend, source].filter((text) => text.trim() === ""), []);
    assertEquals([about, why].filter((text) => !text.endsWith(".")), []);
  }
});
