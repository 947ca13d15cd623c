/**
 * Findings about kernels for Multiboot: what makes a header useless, or differs from one loader to the next.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import type { FileModel } from "../../core/file/file_model.ts";
import { hexAddr } from "../../core/hex.ts";
import { findMultibootHeader, MULTIBOOT_SEARCH, type MultibootHeader } from "../../protocols/multiboot/header.ts";
import type { MultibootProtocol } from "../../protocols/multiboot.ts";
import { findMultiboot2Header, MULTIBOOT2_SEARCH } from "../../protocols/multiboot2/header.ts";
import type { Multiboot2Protocol } from "../../protocols/multiboot2.ts";
import type { Protocol } from "../../protocols/protocol.ts";
import type { FindingRule } from "../finding.ts";
import { nearMisses } from "../near_miss.ts";
import type { Breach } from "../rule.ts";

/** A part of a file. */
interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** A header may start in one range and end in the next. */
const HEADER = 16;

/**
 * The ranges of a file that its segments load, without what two of them share, so that nothing is searched twice.
 *
 * @param model The file, with the bytes of its segments read.
 * @returns The ranges, in file order. Each lies in one segment, and starts at a multiple of 8.
 */
function loadedRanges({ elf, length }: FileModel): readonly FileRange[] {
  const ranges: FileRange[] = [];
  const loads = elf?.programHeaders.filter(({ p_type, p_offset }) => p_type === PT_LOAD && p_offset < BigInt(length));
  let searched = 0;
  for (const load of [...loads ?? []].sort((a, b) => Number(a.p_offset - b.p_offset))) {
    const start = Math.ceil(Math.max(Number(load.p_offset), searched - HEADER) / 8) * 8;
    const end = Math.min(Number(load.p_offset + load.p_filesz), length);
    if (start >= end) continue;
    ranges.push({ start, end });
    searched = Math.max(searched, end);
  }
  return ranges;
}

function firstIn<Header>(
  ranges: readonly FileRange[],
  find: (range: FileRange) => Header | undefined,
): Header | undefined {
  for (const range of ranges) {
    const header = find(range);
    if (header) return header;
  }
  return undefined;
}

const HEADER_TOO_FAR: FindingRule = {
  id: "header-too-far",
  severity: "error",
  parts: ["head", "image"],
  neededBy: ["multiboot", "multiboot2"],
  find: ({ model }) => {
    const ranges = loadedRanges(model);
    const first = findMultibootHeader(model)
      ? undefined
      : firstIn<MultibootHeader>(ranges, ({ start, end }) => findMultibootHeader(model, start, end));
    const second = findMultiboot2Header(model)
      ? undefined
      : firstIn(ranges, (range) => findMultiboot2Header(model, range));
    return [
      ...(first ? [tooFar("Multiboot 1", first.offset, MULTIBOOT_SEARCH)] : []),
      ...(second ? [tooFar("Multiboot 2", second.offset, MULTIBOOT2_SEARCH)] : []),
    ];
  },
  about: "The file has a Multiboot header, but not where loaders look for it: the first 8,192 bytes of the file for " +
    "Multiboot 1, the first 32,768 for Multiboot 2.",
  why: 'To every loader the kernel is one without a header: GRUB says "no multiboot header found". What counts is ' +
    "the position in the file, which often depends on the page size that the linker was given.",
  mend:
    "Put the header's section first into the first segment: KEEP(*(.multiboot*)) before .text in the linker script, " +
    "and link with -z max-page-size=0x1000, so that the segment starts at file offset 0x1000.",
  source: "Multiboot Specification 0.6.96, 3.1; Multiboot2 Specification 2.0, 3.1",
};

function tooFar(name: string, offset: number, limit: number): Breach {
  return {
    offset,
    message: `A ${name} header lies at file offset ${hexAddr(offset)}. Loaders search only the bytes ` +
      `before ${hexAddr(limit)}, and do not find it.`,
  };
}

const HEADER_INVALID: FindingRule = {
  id: "multiboot-header-invalid",
  severity: "error",
  parts: ["head"],
  find: ({ model }) => {
    if (!model.elf) return [];
    return [
      ...(findMultibootHeader(model) ? [] : certainMiss(1, model.bytes(0, MULTIBOOT_SEARCH))),
      ...(findMultiboot2Header(model) ? [] : certainMiss(2, model.bytes(0, MULTIBOOT2_SEARCH))),
    ];
  },
  about: "The file has a Multiboot header with a wrong checksum, or at a file offset that is not a multiple of 4 " +
    "(Multiboot 1) or 8 (Multiboot 2), and no right one.",
  why:
    "Loaders know a header by its magic number, its checksum and its alignment together. To them, the kernel is one " +
    'without a header: GRUB says "no multiboot header found".',
  mend:
    "Compute the checksum as the negative sum of the fields before it, as in .long -(0x1badb002 + FLAGS), and align " +
    "the header: .balign 8 in the source, and ALIGN(8) at its place in the linker script.",
  source: "Multiboot Specification 0.6.96, 3.1; Multiboot2 Specification 2.0, 3.1",
};

function certainMiss(version: 1 | 2, bytes: Uint8Array): readonly Breach[] {
  for (const { breach, isCertain } of nearMisses(version, bytes)) {
    if (!isCertain) continue;
    return [{ ...breach, message: `${breach.message} Loaders do not take it for a header.` }];
  }
  return [];
}

/** Information types that GRUB passes on, and Limine refuses to boot a kernel for that demands them. */
const NOT_IN_LIMINE: ReadonlyMap<number, string> = new Map([
  [5, "BIOS boot device"],
  [7, "VBE information"],
  [10, "APM table"],
  [16, "network information"],
  [18, "EFI boot services not ended"],
  [21, "load base address"],
]);

/** Those that Limine passes on, and GRUB refuses. */
const NOT_IN_GRUB: ReadonlyMap<number, string> = new Map([[13, "SMBIOS tables"]]);

const TAGS_DISAGREE: FindingRule = {
  id: "info-request-disputed",
  severity: "warning",
  parts: ["head"],
  find: ({ protocols }) => {
    const { requests } = protocols.find(isMultiboot2) ?? {};
    const demanded = requests?.information.filter(({ optional }) => !optional) ?? [];
    const unique = demanded.filter(({ type }, index) => demanded.findIndex((other) => other.type === type) === index);
    return unique.flatMap(({ type, offset }): readonly Breach[] => {
      const [missing, other, name] = NOT_IN_GRUB.has(type)
        ? ["GRUB", "Limine", NOT_IN_GRUB.get(type)]
        : ["Limine", "GRUB", NOT_IN_LIMINE.get(type)];
      if (name === undefined) return [];
      return [{
        offset,
        message: `The Multiboot 2 header demands information of type ${type} (${name}). ${other} boots the kernel, ` +
          `${missing} refuses it.`,
      }];
    });
  },
  about: "The information request tag of the Multiboot 2 header demands a type on which GRUB and Limine disagree: 13 " +
    "(GRUB refuses, Limine accepts), or 5, 7, 10, 16, 18 or 21 (Limine refuses, GRUB accepts).",
  why: "A loader must refuse a kernel that demands what it does not know, and the two know different types.",
  mend: "Make the request optional: set bit 0 of the tag's flags, and have the kernel work without it.",
  source: "GRUB 2.06 grub-core/loader/multiboot_mbi2.c; Limine 8.2 common/protos/multiboot2.c",
};

function isMultiboot2(protocol: Protocol): protocol is Multiboot2Protocol {
  return protocol.name === "multiboot2";
}

function isMultiboot(protocol: Protocol): protocol is MultibootProtocol {
  return protocol.name === "multiboot";
}

const DEBUG_LOADED: FindingRule = {
  id: "debug-info-loaded-by-grub",
  severity: "info",
  parts: ["head", "sections"],
  find: ({ model: { elf }, protocols }) => {
    const first = protocols.find(isMultiboot);
    const second = protocols.find(isMultiboot2);
    const byElf = [first && !first.header.addresses, second && !second.requests.address].some(Boolean);
    const sections = byElf && elf
      ? elf.sections.filter(({ name, sh_addr, sh_size }) => {
        return /^\.z?debug_/.test(name) && sh_addr === 0n && sh_size > 0n;
      })
      : [];
    if (sections.length === 0) return [];
    const size = sections.reduce((sum, { sh_size }) => sum + sh_size, 0n);
    const [{ name, sh_offset }] = sections;
    return [{
      offset: Number(sh_offset),
      message:
        `The file has ${sections.length} ${sections.length === 1 ? "section" : "sections"} with debug information ` +
        `(${name}${sections.length === 1 ? "" : " and others"}), ${hexAddr(size)} bytes. GRUB loads them into memory ` +
        "with the kernel.",
    }];
  },
  about: "A Multiboot kernel has sections with debug information.",
  why:
    "GRUB loads every section that no segment loads, so that the kernel can find its symbols. Debug information is " +
    "usually larger than the kernel: it takes time, and memory that the memory map does not show as used.",
  mend: "Boot a stripped copy, and keep the original for the debugger: objcopy --strip-debug kernel.elf boot.elf",
  source: "GRUB 2.06 grub-core/loader/multiboot_elfxx.c, grub_multiboot_load_elf",
};

/** Findings about kernels for Multiboot. */
export const MULTIBOOT_FINDINGS: readonly FindingRule[] = [HEADER_TOO_FAR, HEADER_INVALID, TAGS_DISAGREE, DEBUG_LOADED];
