/**
 * What is true of a byte of a kernel that was loaded by the default rules, found from its file and its page tables alone:
 * which reasons an explanation has to give, word for word of their facts.
 */

import { assert, assertEquals } from "@std/assert";
import type { AnyPlugin, LoadedKernel } from "../../../mod.ts";
import type { AddressExplanation } from "../../../explain/address/address_explanation.ts";
import { type PlainElf, plainElf, type PlainHeader } from "./plain_elf.ts";
import { plainWalk } from "./plain_walk.ts";

type Kernel = LoadedKernel<readonly AnyPlugin[]>;

const [LOAD, TLS, RELRO] = [1, 7, 0x6474_e552];
const PAGE = 4096n;

/** What there is to say about a kernel's addresses. */
export interface Truth {
  /** The reasons for a byte in a page of a segment, without their sentences. */
  readonly why: (address: bigint) => readonly object[];
  /** Checks everything that an explanation says about a byte. */
  readonly check: (explanation: AddressExplanation) => void;
  /** The first and last byte of every page that is mapped, and the bytes around the ends of every segment. */
  readonly addresses: readonly bigint[];
}

/** Reads the file of a kernel. */
export function truthOf(kernel: Kernel, file: Uint8Array): Truth {
  const elf = plainElf(file);
  const moved = BigInt.asIntN(64, kernel.virtualAddressOffset);
  const applied = kernel.results.relocate !== undefined;
  const loads = elf.headers.filter(({ type, memsz }) => type === LOAD && memsz > 0n)
    .map((header) => ({ ...header, vaddr: BigInt.asUintN(64, header.vaddr + moved) }));
  const entryAt = (address: bigint) => elf.relocations.get(BigInt.asUintN(64, address - moved));
  const relocationAt = (address: bigint) => applied ? entryAt(address) : undefined;
  const page = pageFinder(loads, elf, kernel);

  const why = (address: bigint): readonly object[] => {
    const start = address - address % PAGE;
    const { inPage, copied, inPlace, hasWholePage } = page(start, relocationAt);
    const own = loads.find(({ vaddr, memsz }) => address >= vaddr && address < vaddr + memsz);
    const reasons: object[] = copied ? [copied] : [];
    if (!own) reasons.push(outside(address, nearest(inPage, address), inPlace, hasWholePage, kernel));
    else {
      const { index, vaddr, offset, filesz } = own;
      const fileOffset = Number(address - vaddr + offset);
      if (address < vaddr + filesz) {
        reasons.push({ kind: inPlace ? "mapped" : "loaded", index, fileOffset });
      } else {
        const isWhole = start >= vaddr + filesz || (filesz === 0n && inPage.length === 1);
        reasons.push({ kind: "zeroed", index, part: isWhole ? "page" : "tail" });
      }
    }
    const known = entryAt(address);
    if (known) {
      const { value, ...relocation } = known.relocation;
      const place = BigInt.asUintN(64, known.place + moved);
      const wanted = BigInt.asUintN(64, value(moved));
      const word = new DataView(kernel.read(place, 8).buffer).getBigUint64(0, true);
      if (applied) reasons.push({ kind: "relocated", ...relocation, place, value: wanted });
      else if (word !== wanted) reasons.push({ kind: "not-relocated", ...relocation, place });
    }
    reasons.push(...sealing(start, inPage, loads, elf, moved, kernel));
    reasons.push(...writeExecute(inPage, reasons));
    const template = elf.headers.find(({ type, vaddr, filesz }) => {
      const linked = BigInt.asUintN(64, address - moved);
      return type === TLS && linked >= vaddr && linked < vaddr + filesz;
    });
    if (template) {
      const offset = Number(BigInt.asUintN(64, address - moved) - template.vaddr);
      reasons.push({ kind: "tls", index: template.index, offset });
    }
    return reasons;
  };

  const check = (explanation: AddressExplanation): void => {
    const { address } = explanation;
    const name = `0x${address.toString(16)}`;
    const walked = plainWalk(kernel.memory, kernel.level4Frame, address);
    assertEquals(
      explanation.levels.map(({ level, table, index, entry }) => ({ level, table, index, entry })),
      [...walked.entries] as typeof explanation.levels[number][],
      name,
    );
    assertEquals(explanation.mapped, walked.page !== undefined, name);
    if (!walked.page) return checkAbsent(explanation, loads, kernel);
    const { phys, size, writable, executable } = walked.page;
    assertEquals([explanation.physical, explanation.pageSize], [phys, size], name);
    assertEquals(explanation.permissions, `R${writable ? "W" : "-"}${executable ? "X" : "-"}`, name);
    const run = kernel.frameRuns().find((each) => phys >= each.phys && phys < each.phys + each.size);
    assertEquals(explanation.owner, run?.owner ?? null, name);
    assertEquals(explanation.why.map(({ message: _, ...facts }) => facts as object), [...why(address)], name);
    for (const reason of explanation.why) assert(/^[A-Z].*\.$/.test(reason.message), reason.message);
    checkByte(explanation, file, kernel);
  };
  return { why, check, addresses: addressesOf(kernel, loads) };
}

type Loads = readonly PlainHeader[];

/** What a page is made of. */
interface PageFacts {
  readonly inPage: Loads;
  readonly inPlace: boolean;
  /** Whether a copy was made of the whole page of the file. */
  readonly hasWholePage: boolean;
  readonly copied?: object;
}

function pageFinder(loads: Loads, _: PlainElf, kernel: Kernel) {
  const inPageAt = (page: bigint) => loads.filter(({ vaddr, memsz }) => vaddr < page + PAGE && vaddr + memsz > page);
  /** The page of the file that a page would be mapped from in place, if it has but one segment, and no bss. */
  const filePage = ({ vaddr, offset, filesz, memsz }: PlainHeader, page: bigint): bigint | undefined => {
    const end = vaddr + filesz;
    const isPlain = inPageAt(page).length === 1 && filesz > 0n && page < end && (vaddr - offset) % PAGE === 0n;
    return isPlain && !(memsz > filesz && end < page + PAGE) ? page - vaddr + offset : undefined;
  };
  return (page: bigint, relocationAt: (address: bigint) => unknown): PageFacts => {
    const inPage = inPageAt(page);
    const copied = (because: string, others: Loads = []) => {
      return { kind: "copied", index: inPage[0].index, because, others: others.map(({ index }) => index) };
    };
    if (inPage.length === 0) return { inPage, inPlace: false, hasWholePage: false };
    if (inPage.length > 1) {
      return { inPage, inPlace: false, hasWholePage: false, copied: copied("merged", inPage.slice(1)) };
    }
    const [load] = inPage;
    const { vaddr, offset, filesz, flags } = load;
    if (filesz === 0n || page >= vaddr + filesz) return { inPage, inPlace: false, hasWholePage: false };
    if ((vaddr - offset) % PAGE !== 0n) {
      return { inPage, inPlace: false, hasWholePage: false, copied: copied("misaligned") };
    }
    const from = filePage(load, page);
    if (from === undefined) return { inPage, inPlace: false, hasWholePage: true, copied: copied("bss") };
    const others = loads.filter((other) => {
      if (other === load) return false;
      const there = from - other.offset + other.vaddr;
      return there % PAGE === 0n && there + PAGE > other.vaddr && filePage(other, there) === from;
    });
    if ((flags & 2) !== 0 && others.length > 0) {
      return { inPage, inPlace: false, hasWholePage: false, copied: copied("shared", others) };
    }
    for (let byte = 0n; byte < PAGE; byte++) {
      if (relocationAt(page + byte)) return { inPage, inPlace: false, hasWholePage: true, copied: copied("written") };
    }
    assertEquals(
      Number(from) + kernel.addressSpace.file.phys,
      plainWalk(kernel.memory, kernel.level4Frame, page).page?.phys,
    );
    return { inPage, inPlace: true, hasWholePage: true };
  };
}

function nearest(inPage: Loads, address: bigint): PlainHeader {
  const far = ({ vaddr, memsz }: PlainHeader) => address < vaddr ? vaddr - address : address - (vaddr + memsz);
  return inPage.reduce((best, each) => far(each) < far(best) ? each : best);
}

function outside(
  address: bigint,
  { index, vaddr, offset, filesz, memsz }: PlainHeader,
  inPlace: boolean,
  hasWholePage: boolean,
  kernel: Kernel,
): object {
  const isBefore = address < vaddr;
  const distance = Number(isBefore ? vaddr - address : address - (vaddr + memsz) + 1n);
  const fileOffset = Number(address - vaddr + offset);
  const hasBss = memsz > filesz && !inPlace;
  const isFile = hasWholePage && fileOffset < kernel.addressSpace.file.size && (isBefore || !hasBss);
  return {
    kind: "outside",
    index,
    side: isBefore ? "before" : "after",
    distance,
    content: isFile ? "file" : "zeros",
    because: "whole-pages",
    ...(isFile ? { fileOffset } : {}),
  };
}

function sealing(
  page: bigint,
  inPage: Loads,
  loads: Loads,
  { headers }: PlainElf,
  moved: bigint,
  kernel: Kernel,
): readonly object[] {
  if (kernel.results.relro === undefined || !inPage.some(({ flags }) => flags & 2)) return [];
  const ranges = headers.filter(({ type, memsz }) => type === RELRO && memsz > 0n)
    .map(({ index, vaddr, memsz }) => ({ index, start: BigInt.asUintN(64, vaddr + moved), size: memsz }));
  const has = (address: bigint) => ranges.some(({ start, size }) => address >= start && address < start + size);
  const first = ranges.find(({ start, size }) => start < page + PAGE && start + size > page);
  if (!first) return [];
  const writable = loads.filter(({ flags }) => flags & 2);
  for (let address = page; address < page + PAGE; address++) {
    const isData = writable.some(({ vaddr, memsz }) => address >= vaddr && address < vaddr + memsz);
    if (isData && !has(address)) return [{ kind: "unsealed", index: first.index }];
  }
  return [{ kind: "sealed", index: first.index }];
}

function writeExecute(inPage: Loads, before: readonly object[]): readonly object[] {
  if (before.some((reason) => "kind" in reason && reason.kind === "sealed")) return [];
  const asking = (flag: number) => inPage.filter(({ flags }) => flags & flag).map(({ index }) => index);
  const [writers, executors] = [asking(2), asking(1)];
  if (writers.length === 0 || executors.length === 0) return [];
  const both = writers.find((index) => executors.includes(index));
  const indices = both === undefined ? [...new Set([...writers, ...executors])].sort((a, b) => a - b) : [both];
  return [{ kind: "write-execute", indices }];
}

/** Compares the byte in memory with the file, where an explanation says that it comes from there. */
function checkByte({ address, physical, fileOffset, why }: AddressExplanation, file: Uint8Array, kernel: Kernel): void {
  const [byte] = kernel.read(address, 1);
  assertEquals(kernel.memory.bytes(physical!, 1)[0], byte);
  const relocated = why.find((reason) => reason.kind === "relocated");
  if (relocated) {
    assertEquals(BigInt(byte), (relocated.value >> (8n * (address - relocated.place))) & 0xffn);
    return;
  }
  assertEquals(byte, fileOffset === null ? 0 : file[fileOffset], `0x${address.toString(16)}`);
}

/** Checks what is said of an address that is not mapped. */
function checkAbsent({ address, why, nearest: near, ...rest }: AddressExplanation, loads: Loads, kernel: Kernel): void {
  const { entries } = plainWalk(kernel.memory, kernel.level4Frame, address);
  const { level, table, index } = entries[entries.length - 1];
  assertEquals([rest.physical, rest.pageSize, rest.permissions, rest.owner], [null, null, null, null]);
  const { message: _, ...absent } = why[0];
  assertEquals(absent as object, { kind: "absent", level, table, entry: index, bit: "PRESENT" });
  const uncovered = why.find((reason) => reason.kind === "uncovered");
  const distances = loads.flatMap(({ index, vaddr, memsz }) => {
    return [{ index, side: "before", distance: vaddr - address }, {
      index,
      side: "after",
      distance: address - (vaddr + memsz) + 1n,
    }];
  }).filter(({ distance }) => distance > 0n);
  if (uncovered) {
    const least = distances.reduce((best, each) => each.distance < best.distance ? each : best);
    assertEquals([uncovered.side, uncovered.distance], [least.side as "before", least.distance]);
  } else assert(why.some(({ kind }) => kind === "guard"));
  const runs = [...kernel.mappings()].map((run) => ({ ...run, end: run.virt + BigInt(run.size) }));
  const before = runs.findLast(({ end }) => end <= address);
  const after = runs.find(({ virt }) => virt > address);
  assertEquals(near?.before && [near.before.start, near.before.size], before ? [before.virt, before.size] : null);
  assertEquals(near?.after && [near.after.start, near.after.size], after ? [after.virt, after.size] : null);
  if (before) assertEquals(near?.before?.distance, address - before.end + 1n);
  if (after) assertEquals(near?.after?.distance, after.virt - address);
}

function addressesOf(kernel: Kernel, loads: Loads): readonly bigint[] {
  const addresses = new Set<bigint>();
  for (const { virt, size } of kernel.mappings()) {
    for (let page = virt; page < virt + BigInt(size); page += PAGE) addresses.add(page).add(page + PAGE - 1n);
  }
  for (const { vaddr, filesz, memsz } of loads) {
    for (const edge of [vaddr, vaddr + filesz, vaddr + memsz]) {
      for (const step of [-1n, 0n, 1n]) addresses.add(BigInt.asUintN(64, edge + step));
    }
  }
  return [...addresses].filter((address) => BigInt.asUintN(64, BigInt.asIntN(48, address)) === address);
}
