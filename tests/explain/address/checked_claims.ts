/**
 * Checks what an explanation claims of a mapped byte, claim by claim, with the file, the memory and the page tables. It
 * holds under every rule set.
 */

import { assert, assertEquals } from "@std/assert";
import type { AnyPlugin, LoadedKernel } from "../../../mod.ts";
import type { AddressExplanation } from "../../../explain/address/address_explanation.ts";
import type { Reason } from "../../../explain/address/reason.ts";
import { type PlainHeader, plainHeaders } from "./plain_elf.ts";
import { type PlainWalk, plainWalk } from "./plain_walk.ts";

type Kernel = LoadedKernel<readonly AnyPlugin[]>;

const PAGE = 4096;
const [LOAD, TLS, RELRO] = [1, 7, 0x6474_e552];

/** The reasons of which each byte in a page of a segment has exactly one. */
const ORIGINS: readonly Reason["kind"][] = ["mapped", "loaded", "zeroed", "outside"];

/** Low 48 bits of an address. */
function low(address: bigint): number {
  return Number(BigInt.asUintN(48, address));
}

function floor(address: number): number {
  return address - address % PAGE;
}

/** What is looked at to check the reasons of one byte. */
interface Byte {
  readonly kernel: Kernel;
  readonly file: Uint8Array;
  readonly headers: readonly PlainHeader[];
  readonly explanation: AddressExplanation;
  readonly walked: PlainWalk;
  /** The byte's value. */
  readonly value: number;
  /** Where a header begins in memory, as the low 48 bits of its address. */
  readonly startOf: (header: PlainHeader) => number;
}

/** Checks every claim about one byte that is mapped. */
export function checkClaims(kernel: Kernel, file: Uint8Array, explanation: AddressExplanation): void {
  const { address, why, physical, owner } = explanation;
  const walked = plainWalk(kernel.memory, kernel.level4Frame, address);
  assert(walked.page);
  const { phys, size, writable, executable } = walked.page;
  assertEquals([physical, explanation.pageSize], [phys, size]);
  assertEquals(explanation.permissions, `R${writable ? "W" : "-"}${executable ? "X" : "-"}`);
  assertEquals(owner, kernel.frameRuns().find((each) => phys >= each.phys && phys < each.phys + each.size)?.owner);
  const headers = plainHeaders(file);
  const holder = headers.findLast(({ type, vaddr, memsz }) => {
    const within = low(address) - low(vaddr + kernel.virtualAddressOffset);
    return type === LOAD && within >= 0 && within < Number(memsz);
  });
  assertEquals(explanation.segment?.index, holder?.index);
  const startOf = ({ vaddr }: PlainHeader) => low(vaddr + kernel.virtualAddressOffset);
  const [value] = kernel.memory.bytes(phys, 1);
  const byte: Byte = { kernel, file, headers, explanation, walked, value, startOf };
  const kinds = why.map(({ kind }) => kind);
  const name = `0x${address.toString(16)}: ${kinds.join(" ")}`;
  const origins = kinds.filter((kind) => ORIGINS.includes(kind)).length;
  assertEquals(origins, kinds.includes("misplaced") && explanation.fileOffset === null ? 0 : 1, name);
  assertEquals(kinds.includes("copied"), owner === "copy", name);
  assertEquals(kinds.includes("mapped"), owner === "file" && origins === 1 && !kinds.includes("outside"), name);
  for (const reason of why) assert(isTrue(reason, byte), `${name}: ${reason.message}`);
  const asked = headers.find(({ type, flags, memsz, ...header }) => {
    const start = startOf({ type, flags, memsz, ...header });
    return type === LOAD && (flags & 2) !== 0 && low(address) >= start && low(address) < start + Number(memsz);
  });
  const isTaken = ["sealed", "denied", "replaced"].some((kind) => kinds.includes(kind as "sealed"));
  assertEquals(asked !== undefined && !writable, asked !== undefined && isTaken && !writable, name);
}

/** Whether a reason is true; reasons that no segment's page has are not. */
function isTrue(reason: Reason, byte: Byte): boolean {
  const { kernel, file, headers, explanation: { address, why, fileOffset, owner }, walked, value, startOf } = byte;
  const at = low(address);
  const start = "index" in reason && reason.index !== undefined ? startOf(headers[reason.index]) : 0;
  const header = "index" in reason && reason.index !== undefined ? headers[reason.index] : headers[0];
  const [filesz, memsz, offset] = [Number(header.filesz), Number(header.memsz), Number(header.offset)];
  const isLater = why.some(({ kind }) => ["relocated", "randomized", "changed"].includes(kind));
  const leaf = walked.entries[walked.entries.length - 1].entry;
  switch (reason.kind) {
    case "mapped":
      return header.type === LOAD && owner === "file" && reason.fileOffset === fileOffset &&
        walked.page!.phys === kernel.addressSpace.file.phys + reason.fileOffset && value === file[reason.fileOffset] &&
        reason.fileOffset - floor(offset) === at - floor(start);
    case "copied":
      if (header.type !== LOAD || owner !== "copy") return false;
      if (reason.because === "misaligned") return kernel.rules === "default" && (start - offset) % PAGE !== 0;
      if (reason.because === "merged" || reason.because === "shared") {
        const others = reason.others.map((index) => headers[index]);
        return kernel.rules === "default" && others.length > 0 &&
          others.every((other) => sharesPage(byte, header, other, reason.because === "shared"));
      }
      if (reason.because === "written") return isWritten(byte, header, start, at);
      return memsz > filesz && (start + filesz) % PAGE !== 0 && floor(start + filesz) === floor(at);
    case "replaced": {
      const by = headers[reason.by];
      const end = startOf(by) + Number(by.filesz);
      return kernel.rules === "bootloader-0.10" && owner === "copy" && by.memsz > by.filesz &&
        floor(end) === floor(at) && floor(start) <= at && at < start + memsz + PAGE &&
        (leaf & 2n) === BigInt(by.flags & 2);
    }
    case "loaded":
      return reason.fileOffset === fileOffset && (isLater || value === file[reason.fileOffset]);
    case "zeroed":
      if (reason.over !== undefined) {
        const other = headers[reason.over];
        const within = at - startOf(other);
        return kernel.rules !== "default" && within >= 0 && within < Number(other.filesz) && at >= start + memsz &&
          memsz > filesz && floor(start + filesz) === floor(at) && (isLater || value === 0) && fileOffset === null;
      }
      return at >= start + filesz && at < start + memsz && (isLater || value === 0) && fileOffset === null;
    case "outside": {
      const end = start + Math.max(memsz, filesz);
      const distance = reason.side === "before" ? start - at : at - end + 1;
      if (distance <= 0 || distance !== reason.distance) return false;
      const because = end === start
        ? "empty-part"
        : at < start || floor(at) < end
        ? "whole-pages"
        : owner === "bss"
        ? "extra-page"
        : "misaligned";
      if (reason.because !== because || (because === "misaligned" && (start - offset) % PAGE === 0)) return false;
      if (reason.content === "zeros") return isLater || value === 0;
      return reason.fileOffset === fileOffset && (isLater || value === file[reason.fileOffset!]);
    }
    case "misplaced":
      if (at < start || at >= start + Math.max(filesz, memsz) || (start - offset) % PAGE === 0) return false;
      if (fileOffset === null && value !== 0) return false;
      return reason.wanted !== fileOffset && reason.wanted === (at < start + filesz ? offset + (at - start) : null);
    case "relocated": {
      const within = Number(BigInt.asUintN(64, address - reason.place));
      const bytes = Array.from({ length: 8 }, (_, each) => kernel.read(canonical(low(reason.place) + each), 1)[0]);
      const word = bytes.reduceRight((sum, each) => sum * 256n + BigInt(each), 0n);
      return within >= 0 && within < 8 && word === reason.value &&
        reason.value === BigInt.asUintN(64, reason.addend + kernel.virtualAddressOffset);
    }
    case "not-relocated": {
      const word = new DataView(kernel.read(reason.place, 8).buffer).getBigUint64(0, true);
      const isApplied = kernel.results.relocate !== undefined && kernel.fileHeader.e_type === 3;
      return !isApplied && value === (fileOffset === null ? 0 : file[fileOffset]) &&
        word !== BigInt.asUintN(64, reason.addend + kernel.virtualAddressOffset);
    }
    case "changed":
      return value === reason.is && reason.was === (fileOffset === null ? 0 : file[fileOffset]) && value !== reason.was;
    case "sealed":
      return header.type === RELRO && (leaf & 2n) === 0n &&
        floor(start) <= at && at < floor(start + memsz - 1) + PAGE;
    case "unsealed": {
      const { relro } = kernel.results as { readonly relro: { readonly keptPages: readonly bigint[] } };
      return header.type === RELRO && (leaf & 2n) !== 0n && relro.keptPages.includes(canonical(floor(at)));
    }
    case "write-execute":
      return walked.page!.writable && walked.page!.executable &&
        (reason.indices.reduce((flags, index) => flags | headers[index].flags, 0) & 3) === 3;
    case "denied": {
      const { entry } = walked.entries.find(({ level, index }) => level === reason.level && index === reason.entry)!;
      return reason.permission === "write"
        ? (entry & 2n) === 0n && (header.flags & 2) !== 0
        : entry >> 63n === 1n && (header.flags & 1) !== 0;
    }
    case "marked":
      return kernel.rules === "bootloader-0.11" && (leaf >> 9n) % 2n === 1n && owner === "copy";
    case "tls":
      return header.type === TLS && at - start === reason.offset && reason.offset < filesz;
    default:
      return false;
  }
}

/** Whether two segments have memory in the page of the byte or, of the file, whole pages in common. */
function sharesPage({ explanation, startOf }: Byte, one: PlainHeader, other: PlainHeader, ofFile: boolean): boolean {
  const page = floor(low(explanation.address));
  if (!ofFile) {
    return [one, other].every((each) => startOf(each) < page + PAGE && startOf(each) + Number(each.memsz) > page);
  }
  const from = page - startOf(one) + Number(one.offset);
  const [start, end] = [Number(other.offset), Number(other.offset + other.filesz)];
  return (one.flags & 2) !== 0 && other.filesz > 0n && start < from + PAGE && end > from;
}

/** Whether a page differs from the file's page that it was copied from or, where that has none, from zeros. */
function isWritten(
  { kernel, file, explanation: { physical } }: Byte,
  { offset }: PlainHeader,
  start: number,
  at: number,
) {
  const from = floor(Number(offset)) + (floor(at) - floor(start));
  return kernel.memory.bytes(floor(physical!), PAGE).some((value, each) => value !== (file[from + each] ?? 0));
}

function canonical(address: number): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(address)));
}

/** The first and last byte of each page, and those at the ends of the segments' parts. */
export function claimAddresses(kernel: Kernel, file: Uint8Array, mostPages: number): readonly bigint[] {
  const addresses = new Set<bigint>();
  for (const { virt, size } of kernel.mappings()) {
    const pages = Math.min(mostPages, size / PAGE);
    for (let page = 0; page < pages; page++) {
      const at = virt + BigInt(page * PAGE);
      addresses.add(at).add(at + BigInt(PAGE - 1));
    }
  }
  for (const { type, vaddr, filesz, memsz } of plainHeaders(file)) {
    if (type !== LOAD) continue;
    for (const edge of [vaddr, vaddr + filesz, vaddr + memsz]) {
      for (const step of [-1n, 0n, 1n]) addresses.add(canonical(low(edge + kernel.virtualAddressOffset + step)));
    }
  }
  return [...addresses].filter((address) => plainWalk(kernel.memory, kernel.level4Frame, address).page);
}
