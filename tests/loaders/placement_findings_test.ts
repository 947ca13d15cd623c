/** Findings about what is not where it belongs in memory. */

import { bytesOutsideRam } from "../../loaders/findings/bytes_outside_ram.ts";
import { sectionNotLoaded } from "../../loaders/findings/section_not_loaded.ts";
import { buildElf } from "../elf_builder.ts";
import { CODE, DATA, testFindings } from "./finding_cases.ts";

/** A file with one PT_LOAD, 0x400000..0x400100, and sections of these types, flags, addresses and sizes. */
function withSections(...sections: readonly (readonly [number, bigint, bigint, bigint])[]): Uint8Array {
  const table = 0x3000;
  const file = buildElf({
    header: { e_shoff: BigInt(table), e_shentsize: 64, e_shnum: sections.length + 1 },
    segments: [CODE],
    length: table + 64 * (sections.length + 1),
  });
  const view = new DataView(file.buffer);
  sections.forEach(([type, flags, address, size], index) => {
    const at = table + 64 * (index + 1);
    view.setUint32(at + 4, type, true);
    [flags, address, 0x2000n, size].forEach((field, word) => view.setBigUint64(at + 8 + 8 * word, field, true));
  });
  return file;
}

testFindings([
  {
    rule: bytesOutsideRam,
    breaks: [
      {
        file: { segments: [CODE, { ...DATA, p_paddr: 0x300_0000n }, { ...DATA, p_paddr: 0x400_0000n }] },
        intended: ["qemu-kernel"],
        memory: 0x200_0000,
        index: 1,
        says: "physical 0x3000000..0x3000100, and the machine's memory ends at 0x2000000 (2 program headers have such",
      },
      {
        file: { segments: [{ ...CODE, p_paddr: 0x1ff_ff01n }] },
        intended: ["grub-multiboot"],
        memory: 0x200_0000,
        index: 0,
        says: "bytes are lost",
      },
      {
        file: { segments: [{ ...CODE, p_paddr: 0xbfff_ff01n }] },
        intended: ["qemu-kernel"],
        memory: 2 ** 32,
        index: 0,
        says: "memory below 4 GiB ends at 0xc0000000",
      },
    ],
    keeps: [
      { file: { segments: [{ ...CODE, p_paddr: 0x1ff_ff00n }] }, intended: ["qemu-kernel"], memory: 0x200_0000 },
      { file: { segments: [{ ...CODE, p_paddr: 2n ** 32n }] }, intended: ["qemu-kernel"], memory: 2 ** 32 },
      {
        file: { segments: [{ ...CODE, p_paddr: 0x300_0000n, filesz: 0, p_memsz: 0x100n }] },
        intended: ["qemu-kernel"],
        memory: 0x200_0000,
      },
      { file: { segments: [{ ...CODE, p_paddr: 0x300_0000n }] }, intended: ["firecracker"], memory: 0x200_0000 },
    ],
  },
  {
    rule: sectionNotLoaded,
    breaks: [
      { file: withSections([1, 2n, 0x40_2000n, 8n]), offset: 0x2000, says: "section 1 (0x402000..0x402008)" },
      { file: withSections([1, 2n, 0x40_00f9n, 8n]), offset: 0x2000, says: "not wholly in a PT_LOAD" },
      {
        file: withSections([1, 2n, 0x40_0000n, 8n], [8, 3n, 0x3f_ffffn, 8n], [1, 3n, 0n, 1n]),
        offset: 0x2000,
        says: "section 2 (0x3fffff..0x400007), and of 1 more",
      },
    ],
    keeps: [
      { file: withSections([1, 2n, 0x40_00f8n, 8n]) },
      { file: withSections([1, 0n, 0n, 8n]) }, // no SHF_ALLOC
      { file: withSections([1, 2n, 0x40_2000n, 0n]) },
      { file: withSections([8, 0x403n, 0x40_2000n, 8n]) }, // .tbss
      { file: withSections([7, 2n, 0x40_2000n, 8n]) }, // notes
    ],
  },
]);
