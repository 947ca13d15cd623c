/**
 * A slow model of the default rules, written from what is documented of them: which files are refused, and which bytes
 * are at which addresses with which permissions. It knows nothing of frames, except how many a load may take.
 */

import { WEIGHTS } from "../weights.ts";
import { relocateImage } from "./default_relocations.ts";
import {
  type Ehdr,
  END,
  entriesOf,
  HALF,
  isCanonical,
  isPower,
  Little,
  PAGE,
  pageOf,
  type Phdr,
  readEhdr,
  readPhdr,
} from "./reading.ts";
import { type Accepted, type ModelInput, type ModelPage, Refusal, refuse, type Unsettled } from "./verdict.ts";

const LOAD = 1;
const DYNAMIC = 2;
const TLS = 7;
const RELRO = 0x6474e552;
const RANDOMIZE = 0x65a3dbe6;

/** Which plugin claims a type, and whether it reads the header's file bytes. */
const CLAIMS: ReadonlyMap<number, readonly [plugin: string, readsFile: boolean]> = new Map([
  [DYNAMIC, ["relocate", true]],
  [3, ["interp", true]],
  [4, ["notes", true]],
  [6, ["phdr", false]],
  [0x6474e550, ["eh-frame", false]],
  [0x6474e551, ["stack", false]],
  [RELRO, ["relro", false]],
  [0x6474e553, ["property", true]],
  [0x65a3dbe5, ["openbsd", false]],
  [RANDOMIZE, ["openbsd", false]],
  [0x65a3dbe7, ["openbsd", false]],
  [0x65a41be6, ["openbsd", false]],
]);

/** More than any case lets a load have: such a kernel finds no room. */
const MOST_MEMORY = 1n << 24n;

/** The codes of a load that finds no room. */
export const NO_ROOM: readonly string[] = ["memory-limit-exceeded", "memory-too-small", "frames-exhausted"];

/** Says what the default rules make of a file. */
export function defaultModel(input: ModelInput): Accepted | Unsettled {
  const file = new Little(input.file);
  const ehdr = fileHeader(file, input);
  const phdrs = Array.from({ length: ehdr.phnum }, (_, index) => {
    return readPhdr(file, Number(ehdr.phoff) + index * 56, index, true);
  });
  const offset = offsetOf(ehdr, phdrs, input);
  if (offset === undefined) return { outcome: "unsettled" };
  const maybe = checkHeaders(ehdr, phdrs, offset, input);
  const loads = phdrs.filter(({ type, memsz }) => type === LOAD && memsz > 0n);
  const pages = imageOf(loads, offset, input.file);
  const wrapped = BigInt.asUintN(64, offset);
  if (input.plugins.has("openbsd") && !randomize(phdrs, loads, offset, pages)) return { outcome: "unsettled" };
  if (input.plugins.has("relocate")) {
    const done = relocateImage(ehdr, phdrs, offset, pages, file);
    if (done === "unsettled") return { outcome: "unsettled" };
  }
  if (input.plugins.has("relro")) seal(phdrs, loads, offset, pages);
  const templates = phdrs.filter(({ type }) => type === TLS);
  const used = new Set<number>([0]);
  for (const { vaddr, memsz } of [...loads, ...templates]) {
    const start = BigInt.asUintN(64, vaddr + offset);
    if (memsz > 0n) { for (const index of entriesOf(start, start + memsz - 1n)) used.add(index); }
  }
  const [template] = templates;
  return {
    outcome: "accepted",
    pages,
    entry: ehdr.entry + offset,
    offset: wrapped,
    ...(template
      ? {
        tls: {
          start: BigInt.asUintN(64, template.vaddr + offset),
          filesz: template.filesz,
          memsz: template.memsz,
        },
      }
      : {}),
    used,
    frames: 1 + tablesOf(pages) + pages.size,
    exactFrames: false,
    maybe,
  };
}

/** The tables of levels 3, 2 and 1 that pages need. */
function tablesOf(pages: ReadonlyMap<bigint, ModelPage>): number {
  const tables = new Set<string>();
  for (const page of pages.keys()) for (const shift of [21n, 30n, 39n]) tables.add(`${shift} ${page >> shift}`);
  return tables.size;
}

function fileHeader(file: Little, { maxMemory }: ModelInput): Ehdr {
  const { length } = file.bytes;
  if (length < 4) refuse("file-too-short");
  if (file.u32(0) !== 0x464c457f) refuse("not-elf");
  if (length < 16) refuse("file-too-short");
  const fileClass = file.u8(4);
  if (fileClass !== 2) refuse("class-unsupported", "file-too-short", "data-encoding-unsupported");
  if (length < 64) refuse("file-too-short");
  const ehdr = readEhdr(file);
  const codes: string[] = [];
  if (ehdr.data !== 1) codes.push("data-encoding-unsupported");
  if (ehdr.machine !== 62) codes.push("machine-unsupported");
  if (ehdr.type !== 2 && ehdr.type !== 3) codes.push("type-unsupported");
  if (ehdr.version === 0) codes.push("version-unsupported");
  if (ehdr.ehsize !== 64) codes.push("record-size-mismatch");
  if (ehdr.phnum > 0) {
    const tableEnd = ehdr.phoff + BigInt(ehdr.phentsize * ehdr.phnum);
    if (ehdr.phnum === 0xffff) codes.push("program-header-count-extended");
    if (ehdr.phoff === 0n) codes.push("program-headers-missing");
    if (ehdr.phentsize !== 56) codes.push("record-size-mismatch");
    if (tableEnd > maxMemory) codes.push("memory-limit-exceeded");
    if (tableEnd > BigInt(length)) codes.push("program-headers-out-of-file");
  }
  if (codes.length > 0) refuse(...codes);
  return ehdr;
}

/** What is added to addresses; `undefined` if the load chose it at random and did not say. */
function offsetOf(ehdr: Ehdr, phdrs: readonly Phdr[], input: ModelInput): bigint | undefined {
  const { kernelBase, plugins, chosenOffset } = input;
  const loads = phdrs.filter(({ type, memsz }) => type === LOAD && memsz > 0n);
  const align = loads.reduce((most, load) => load.align > most ? load.align : most, PAGE);
  const low = loads.reduce((least, { vaddr }) => vaddr < least ? vaddr : least, END);
  const high = loads.reduce((most, { vaddr, memsz }) => vaddr + memsz > most ? vaddr + memsz : most, 0n);
  if (kernelBase !== undefined) {
    if (ehdr.type !== 3) refuse("kernel-base-refused");
    if (kernelBase % align !== 0n) refuse("kernel-base-misaligned");
    // A base that would push the kernel over the end of the address space moves it down.
    return loads.length > 0 && low + kernelBase >= END ? kernelBase - END : kernelBase;
  }
  if (ehdr.type !== 3 || !plugins.has("relocate") || loads.length === 0) return 0n;
  const start = low - low % align;
  if (!isPower(align) || align > HALF || high - start > HALF) return 0n;
  if (chosenOffset !== undefined) {
    const placed = BigInt.asUintN(64, start + chosenOffset);
    if (placed % align !== 0n || placed < 1n << 39n) throw new Error(`the kernel was placed at ${placed}`);
    return placed - start;
  }
  if (input.kernelBase === undefined && plugins.has("relocate at random")) return undefined;
  // The first multiple of 512 GiB and of the alignment, after the first 512 GiB, from which it fits into one half.
  const step = align > 1n << 39n ? align : 1n << 39n;
  for (let place = step; place < 2n * HALF; place += step) {
    if (place < HALF && place + high - start > HALF) continue;
    return BigInt.asUintN(64, BigInt.asIntN(48, place)) - start;
  }
  return refuse("level4-exhausted");
}

/** Checks all headers; collects every reason to refuse the file. */
function checkHeaders(ehdr: Ehdr, phdrs: readonly Phdr[], offset: bigint, input: ModelInput): ReadonlySet<string> {
  const codes: string[] = [];
  const maybe = new Set<string>();
  const seen = new Set<number>();
  const length = BigInt(input.file.length);
  for (const phdr of phdrs) {
    const { type, vaddr, memsz, filesz, align } = phdr;
    const [plugin = "", readsFile = false] = CLAIMS.get(type) ?? [];
    const claimed = input.plugins.has(plugin);
    const loaded = type === LOAD && memsz > 0n;
    if (type === 5) codes.push("segment-type-refused");
    if (type === LOAD && filesz > memsz) codes.push("filesz-exceeds-memsz");
    if (type === TLS && BigInt.asUintN(64, vaddr + offset) + memsz > END) codes.push("address-overflow");
    if (type === TLS && seen.has(TLS)) codes.push("tls-repeated");
    if (loaded || (claimed && memsz > 0n)) {
      codes.push(...rangeFaults(vaddr + offset, memsz));
      if (align !== 0n && !isPower(align)) codes.push("alignment-invalid");
    }
    const past = filesz > 0n && phdr.offset + filesz > length;
    if (past && (loaded || (claimed && readsFile))) {
      const repeated = !loaded && type !== DYNAMIC && seen.has(type);
      for (const code of ["segment-out-of-file", "memory-limit-exceeded", "memory-too-small"]) {
        if (repeated) maybe.add(code);
        else codes.push(code);
      }
    }
    if (type === DYNAMIC && claimed && seen.has(DYNAMIC)) maybe.add("dynamic-malformed");
    seen.add(type);
  }
  const loads = phdrs.filter(({ type, memsz }) => type === LOAD && memsz > 0n);
  if (loads.length === 0) codes.push("no-load-segment");
  const ascending = [...loads].sort((a, b) => a.vaddr < b.vaddr ? -1 : 1);
  ascending.forEach((load, at) => {
    // Ranges that wrap are refused for that; others overlap if the next one starts before the end of one before.
    if (ascending.slice(0, at).some((other) => load.vaddr < other.vaddr + other.memsz)) codes.push("segments-overlap");
  });
  const entry = ehdr.entry + offset;
  if (entry < 0n || entry >= END) codes.push("address-overflow");
  else if (!isCanonical(entry)) codes.push("address-not-canonical");
  if (codes.length > 0) throw new Refusal([...codes, ...maybe]);
  return maybe;
}

/** A range must lie in one half of the address space. */
function rangeFaults(start: bigint, size: bigint): string[] {
  const end = start + size;
  const codes: string[] = [];
  if (start < 0n || start >= END || end > END) codes.push("address-overflow");
  const inLower = start >= 0n && end <= HALF;
  const inHigher = start >= END - HALF && end <= END;
  if (!inLower && !inHigher) codes.push("address-not-canonical");
  return codes;
}

/** The pages that segments touch: the file's bytes, then zeros. */
function imageOf(loads: readonly Phdr[], offset: bigint, file: Uint8Array): Map<bigint, ModelPage> {
  const pages = new Map<bigint, ModelPage>();
  const memory = loads.reduce((size, { memsz }) => size + memsz, 0n);
  if (memory > MOST_MEMORY) refuse(...NO_ROOM);
  for (const load of loads) {
    const start = load.vaddr + offset;
    const end = start + load.memsz;
    for (let at = pageOf(start); at < end; at += PAGE) {
      const page = pages.get(at) ?? { writable: false, executable: false, bytes: new Uint8Array(4096), known: [] };
      pages.set(at, page);
      page.writable ||= (load.flags & 2) !== 0;
      page.executable ||= (load.flags & 1) !== 0;
      const from = at > start ? 0n : start - at;
      const to = end - at < PAGE ? end - at : PAGE;
      page.known.push([Number(from), Number(to)]);
      const done = at + from - start;
      const left = load.filesz - done;
      if (left <= 0n) continue;
      const count = left < to - from ? left : to - from;
      const source = Number(load.offset + done);
      page.bytes.set(file.subarray(source, source + Number(count)), Number(from));
    }
  }
  return pages;
}

/** Makes the bytes of PT_OPENBSD_RANDOMIZE ranges unknown; false if what they change may be read again. */
function randomize(
  phdrs: readonly Phdr[],
  loads: readonly Phdr[],
  offset: bigint,
  pages: ReadonlyMap<bigint, ModelPage>,
): boolean {
  const ranges = phdrs.filter(({ type, memsz }) => type === RANDOMIZE && memsz > 0n);
  if (ranges.length > 0 && phdrs.some(({ type }) => type === DYNAMIC)) return false;
  for (const { vaddr, memsz } of ranges) {
    const inside = loads.some((load) => vaddr >= load.vaddr && vaddr + memsz <= load.vaddr + load.memsz);
    if (!inside) continue;
    const [start, end] = [vaddr + offset, vaddr + memsz + offset];
    for (let at = pageOf(start); at < end; at += PAGE) {
      const page = pages.get(at);
      if (page) cut(page, Number(at > start ? 0n : start - at), Number(end - at < PAGE ? end - at : PAGE));
    }
  }
  return true;
}

/** Takes a part out of what is known of a page. */
function cut(page: ModelPage, from: number, to: number): void {
  const rest = page.known.flatMap(([start, end]): [number, number][] => {
    return [[start, Math.min(end, from)], [Math.max(start, to), end]];
  });
  page.known.splice(0, page.known.length, ...rest.filter(([start, end]) => start < end));
}

/** Takes write permission from the pages of PT_GNU_RELRO ranges that hold no other writable data. */
function seal(
  phdrs: readonly Phdr[],
  loads: readonly Phdr[],
  offset: bigint,
  pages: ReadonlyMap<bigint, ModelPage>,
): void {
  const ranges = phdrs.filter(({ type, memsz }) => type === RELRO && memsz > 0n)
    .map(({ vaddr, memsz }) => ({ start: vaddr + offset, end: vaddr + memsz + offset }));
  for (const { start, end } of ranges) {
    if (end - start > BigInt(1 << 30)) refuse("page-not-mapped");
    for (let at = pageOf(start); at < end; at += PAGE) {
      const page = pages.get(at);
      if (!page) refuse("page-not-mapped");
      const keeps = loads.some((load) => {
        if ((load.flags & 2) === 0) return false;
        const from = load.vaddr + offset > at ? load.vaddr + offset : at;
        const loadEnd = load.vaddr + load.memsz + offset;
        const to = loadEnd < at + PAGE ? loadEnd : at + PAGE;
        return from < to && !isCovered(from, to, WEIGHTS.repeatedHeaders > 0 ? ranges : [{ start, end }]);
      });
      if (!keeps) page.writable = false;
    }
  }
}

/** Whether ranges together cover everything from `from` to `to`. */
function isCovered(
  from: bigint,
  to: bigint,
  ranges: readonly { readonly start: bigint; readonly end: bigint }[],
): boolean {
  let at = from;
  for (const { start, end } of [...ranges].sort((a, b) => a.start < b.start ? -1 : 1)) {
    if (start <= at && end > at) at = end;
  }
  return at >= to;
}
