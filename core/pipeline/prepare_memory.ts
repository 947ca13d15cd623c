/**
 * Makes ready what segments are loaded into: physical memory, frames, and an empty level-4 table.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { LoadRange, ProgramHeader } from "../elf/program_header.ts";
import { alignUp, hexAddr, PAGE_SIZE, PHYSICAL_END } from "../memory/addresses.ts";
import { ascendingFrames, frameLedger } from "../memory/frame_allocator.ts";
import { containsFrame, freshMemory, type PhysicalMemory } from "../memory/physical_memory.ts";
import { createMapper } from "../paging/mapper.ts";
import { frameDemand } from "./frame_demand.ts";
import type { Base, Checked, Kept, Loading, LoadSettings } from "./stage.ts";

type Needs = Base & Checked & Partial<Kept>;

const SLACK = 2 * 2 ** 20;

/**
 * Whether a range's bytes have to be copied, because address and offset differ within their pages.
 *
 * @param load The range.
 * @returns True where they are not congruent modulo 4096 and there are file bytes.
 */
export function isMisaligned({ start, fileOffset, fileSize }: LoadRange): boolean {
  return fileSize > 0 && (start - fileOffset) % PAGE_SIZE !== 0;
}

/**
 * Sizes and makes the memory, moves the bytes that have arrived to their place in it, and takes the level-4 table.
 *
 * @param context What is known once the headers are checked.
 * @returns Memory, frames and page tables, and the way to a header's file bytes.
 * @throws {LoadError} "memory-limit-exceeded" or "memory-too-small" before anything is allocated.
 * @throws {RangeError} Where the caller's level-4 frame lies outside memory or among the file's bytes.
 */
export async function prepareMemory(context: Needs): Promise<Loading> {
  const { rules, settings, intake } = context;
  const { kernelOffset, level4Frame } = settings;
  const keptBytes = rules.readsWholeFile ? await intake.length() : lastNeededByte(context);
  const fileEnd = kernelOffset + alignUp(keptBytes);
  const memory = makeMemory(context, fileEnd);

  const taken = [{ start: kernelOffset, end: fileEnd, what: "the file's bytes" }];
  if (level4Frame !== undefined) {
    checkLevel4Frame(memory, level4Frame, kernelOffset, fileEnd);
    taken.push({ start: level4Frame, end: level4Frame + PAGE_SIZE, what: "the level-4 table" });
  }
  const end = memory.base + memory.size;
  const allocator = settings.frames ?? ascendingFrames({ start: fileEnd, end, skip: level4Frame });
  // What a load left behind is the caller's memory in the next one, and no longer all zero.
  const fresh = memory.fresh && !settings.memory;
  // Our own allocator starts behind the file; of a caller's it is not known what it still hands out.
  const reserved = settings.frames ? memory.base : kernelOffset;
  const frames = frameLedger(allocator, memory, taken, fresh && !settings.frames, reserved);

  intake.place(memory, kernelOffset, keptBytes);
  if (rules.readsWholeFile) await intake.require(keptBytes);
  if (!fresh) {
    memory.bytes(kernelOffset + keptBytes, fileEnd - kernelOffset - keptBytes).fill(0);
    if (level4Frame !== undefined) memory.bytes(level4Frame, PAGE_SIZE).fill(0);
  }
  const root = level4Frame ?? frames.allocateRun(1, "table")?.phys;
  if (root === undefined) throw new LoadError("frames-exhausted", { field: "frames for the level-4 table", value: 0 });
  if (level4Frame === undefined) taken.push({ start: root, end: root + PAGE_SIZE, what: "the level-4 table" });
  const pageTable = createMapper({ memory, level4Frame: root, frames, parentFlags: rules.parentFlags });

  const fileBytes = async (phdr: ProgramHeader): Promise<Uint8Array> => {
    if (phdr.p_filesz === 0n) return new Uint8Array();
    const wanted = phdr.p_offset + phdr.p_filesz;
    if (wanted > keptBytes) {
      throw new RangeError(`Cannot give the file bytes of program header ${phdr.index}: nothing asked to keep them`);
    }
    const arrived = intake.received >= wanted ? Number(wanted) : await intake.require(Number(wanted));
    if (arrived < wanted) {
      const place = { index: phdr.index, field: "p_offset + p_filesz", value: wanted, limit: arrived };
      throw new LoadError("segment-out-of-file", place);
    }
    return memory.bytes(kernelOffset + Number(phdr.p_offset), Number(phdr.p_filesz));
  };
  return { memory, frames, pageTable, keptBytes, fileBytes };
}

/** The end of what the headers took to read and of what the segments are loaded from. */
function lastNeededByte({ segments, settings, intake, keepUntil = 0 }: Needs): number {
  return segments.reduce((end, phdr) => {
    const { index, load, claim, p_offset, p_filesz } = phdr;
    if (p_filesz === 0n || (!load && !claim?.readsFile)) return end;
    const last = Number(p_offset + p_filesz);
    if (settings.size === undefined && !settings.memory) limit(last, "p_offset + p_filesz", settings, index);
    return Math.max(end, last);
  }, Math.max(intake.received, keepUntil));
}

function makeMemory(context: Base & Checked, fileEnd: number): PhysicalMemory {
  const { settings, segments } = context;
  const { base, maxMemory } = settings;
  const given = settings.memory?.size ?? settings.size;
  if (given === undefined) return ownMemory(context, fileEnd);
  const end = base + given;
  for (const { load, index } of segments) {
    if (!load || load.memSize - load.fileSize <= given) continue;
    throw new LoadError("memory-too-small", { index, field: "p_memsz", value: load.memSize, limit: end });
  }
  if (fileEnd > end) {
    throw new LoadError("memory-too-small", { field: "the end of the file's bytes", value: fileEnd, limit: end });
  }
  return settings.memory ?? allocate(base, given, maxMemory);
}

function ownMemory({ rules, settings, segments }: Base & Checked, fileEnd: number): PhysicalMemory {
  const { base, maxMemory } = settings;
  const loads: LoadRange[] = [];
  for (const { load, index } of segments) {
    if (!load) continue;
    limit(load.memSize, "p_memsz", settings, index);
    loads.push(load);
  }
  const frames = frameDemand(loads, (load) => rules.copiesMisaligned && isMisaligned(load));
  const end = Math.max(fileEnd + frames * PAGE_SIZE, topOf(settings));
  limit(end - base, "the memory it needs", settings);
  if (end > PHYSICAL_END) {
    throw new LoadError("memory-too-small", {
      field: "the end of the memory it needs",
      value: end,
      limit: PHYSICAL_END,
    });
  }
  const slack = Math.max(SLACK, alignUp((end - base) / 8));
  return allocate(base, Math.min(end - base + slack, maxMemory, PHYSICAL_END - base), maxMemory);
}

/** The end of what the caller placed himself. */
function topOf({ level4Frame }: LoadSettings): number {
  return level4Frame === undefined ? 0 : level4Frame + PAGE_SIZE;
}

function limit(value: number, field: string, { maxMemory }: LoadSettings, index?: number): void {
  if (value <= maxMemory) return;
  throw new LoadError("memory-limit-exceeded", {
    ...(index === undefined ? {} : { index }),
    field,
    value,
    limit: maxMemory,
  });
}

function allocate(base: number, size: number, maxMemory: number): PhysicalMemory {
  try {
    return freshMemory(base, size - size % PAGE_SIZE);
  } catch (cause) {
    const place = { field: "the memory that the system refused", value: size, limit: maxMemory };
    throw new LoadError("memory-limit-exceeded", place, { cause });
  }
}

function checkLevel4Frame(memory: PhysicalMemory, frame: number, fileStart: number, fileEnd: number): void {
  if (!containsFrame(memory, frame)) {
    throw new RangeError(`Cannot use ${hexAddr(frame)} as level4Frame: it is no frame of the memory`, {
      cause: { option: "level4Frame", value: frame },
    });
  }
  if (frame >= fileStart && frame < fileEnd) {
    throw new RangeError(`Cannot use ${hexAddr(frame)} as level4Frame: the file's bytes are there`, {
      cause: { option: "level4Frame", value: frame },
    });
  }
}
