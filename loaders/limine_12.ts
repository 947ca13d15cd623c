/**
 * Limine 12, by its own protocol: its BIOS port.
 *
 * @module
 */

import { EM_386, EM_X86_64 } from "../core/elf/constants.ts";
import { hexAddr } from "../core/hex.ts";
import { rulesLoader } from "./engine.ts";
import { entryNotExecutable, entryOutside, entryZero } from "./limine/entry_rules.ts";
import * as file from "./limine/file_rules.ts";
import * as memory from "./limine/memory_rules.ts";
import * as relocation from "./limine/relocation_rules.ts";
import * as request from "./limine/request_rules.ts";
import * as segment from "./limine/segment_rules.ts";
import { type LimineView, limineView } from "./limine/view.ts";
import type { Loader } from "./loader.ts";
import type { Rule } from "./rule.ts";

const EM_AARCH64 = 183;
const EM_RISCV = 243;
const EM_LOONGARCH = 258;

/** The machines of ELF files that Limine knows, of which a PC's accepts one. */
const MACHINES: readonly number[] = [EM_386, EM_X86_64, EM_AARCH64, EM_RISCV, EM_LOONGARCH];

/** PE/COFF: "MZ", the offset of the PE header, its signature, and the machine after it. */
const DOS_MAGIC = 0x5a4d;
const E_LFANEW = 60;
const PE_SIGNATURE = 0x4550;
const PE_AMD64 = 0x8664;

/** Offset of `e_machine` in an `Elf64_Ehdr`. */
const E_MACHINE = 18;

/** The machine of a PE file; `undefined` if it is not a PE file. */
function peMachine({ model }: LimineView): number | undefined {
  const head = model.bytes(0, E_LFANEW + 4);
  if (head.length < E_LFANEW + 4) return undefined;
  const dos = new DataView(head.buffer, head.byteOffset, head.length);
  const offset = dos.getUint32(E_LFANEW, true);
  if (dos.getUint16(0, true) !== DOS_MAGIC || offset + 6 > Math.min(model.length, PE_MOST)) return undefined;
  const bytes = model.bytes(offset, 6);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return header.getUint32(0, true) === PE_SIGNATURE ? header.getUint16(4, true) : undefined;
}

/** A PE header that begins later is not looked for. */
const PE_MOST = 0x9000;

const unknownFormat: Rule<LimineView> = {
  id: "not-elf",
  outcome: "refuses",
  words: "limine: Unknown kernel executable format",
  broken: (view) => {
    const { isElf, header: { e_machine }, model } = view;
    if (peMachine(view) !== undefined) return undefined;
    if (!isElf) return { offset: 0, message: "The file is neither an ELF nor a PE file." };
    if (model.length < file.FILE_HEADER_SIZE) {
      return { offset: 0, message: `The file has ${hexAddr(model.length)} bytes, fewer than an ELF header (0x40).` };
    }
    if (MACHINES.includes(e_machine)) return undefined;
    const message = `e_machine is ${hexAddr(e_machine)}, a processor that Limine does not run on.`;
    return { offset: E_MACHINE, message };
  },
  about:
    "The file is neither ELF nor PE, is shorter than an ELF header, or is for a processor without a port of Limine.",
  why: "Limine's own protocol is for ELF and PE kernels.",
  mend: "Give Limine the kernel itself, not wrapped by objcopy, built for x86-64.",
  source: "Limine 12, common/protos/limine.c: detect_kernel_format; common/lib/elf.c: elf_bits",
};

const peKernel: Rule<LimineView> = {
  id: "pe-file",
  outcome: "fails",
  broken: (view) => {
    const machine = peMachine(view);
    if (machine === undefined) return undefined;
    if (machine !== PE_AMD64) {
      const message = `This is a PE file for machine ${hexAddr(machine)}, not for x86-64 (0x8664).`;
      return { offset: 0, message };
    }
    const message =
      "This is a PE file. Limine loads PE kernels for its own protocol; a UEFI application does not run " +
      "there, without the firmware's services.";
    return { offset: 0, message };
  },
  about:
    "The file is a PE file. Limine 12 loads PE kernels for its own protocol; these rules cover ELF kernels only, " +
    "and take every PE file for a UEFI application.",
  why: "Limine enters it as a kernel for its own protocol, without the firmware's services that a UEFI application " +
    "calls.",
  mend: "Boot a UEFI application with `protocol: efi` in limine.conf, and Linux with `protocol: linux`.",
  source: "Limine 12, common/protos/limine.c: detect_kernel_format; common/lib/pe.c: pe64_load",
};

/** Limine 12. */
export const limine12: Loader = rulesLoader({
  name: "limine-12",
  title: "Limine 12",
  versions:
    "12.x on BIOS machines, with base revision 6: read in its source. Its latest commits also refuse segments " +
    "that are not in the order of their addresses, and accept a p_align of 0 everywhere",
  protocols: ["limine"],
  parts: ["head", "image", "dynamic", "sections"],
  view: limineView({ newestRevision: 6, isChecked: true, randomizes: false }),
  rules: [
    unknownFormat,
    peKernel,
    file.bigEndian,
    file.wrongMachine,
    file.wrongType,
    file.smallProgramHeaders,
    file.programHeadersOutside,
    file.dynamicMissing,
    file.dynamicEmpty,
    segment.alignNotPower,
    segment.noLoads,
    segment.alignZeroOnly,
    [
      ...[segment.lowerHalf, segment.mixedHalves, segment.addressOverflow],
      ...[segment.virtualOverlap, segment.sharedPageFlags],
    ],
    memory.alignHuge,
    memory.imageTooLarge,
    relocation.dynamicOutside,
    relocation.neededLibrary,
    relocation.dynamicEntrySize,
    relocation.dynamicUnmapped,
    relocation.implicitAddends,
    [
      ...[segment.filesLarger, segment.outsideFile],
      ...[relocation.relocationType, relocation.missingSymbol, relocation.undefinedSymbol],
    ],
    request.revisionTwice,
    file.smallSectionHeaders,
    request.listedOutside,
    request.requestTwice,
    request.tooManyRequests,
    request.pagingModeRange("Executable"),
    request.pagingModeUnsupported("Executable"),
    memory.stackTooLarge,
    memory.stackWraps,
    memory.baseUnaligned,
    entryOutside,
    entryNotExecutable,
    entryZero,
  ],
});
