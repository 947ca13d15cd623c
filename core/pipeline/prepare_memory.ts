/**
 * Prepares what segments are loaded into: physical memory, frames, and an empty level-4 table.
 *
 * @module
 */

import { openAddressSpace } from "../address_space/address_space.ts";
import { level4Usage } from "../address_space/level4_usage.ts";
import { clearMarks } from "../address_space/unshare.ts";
import type { ProgramHeader } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import { hexAddr } from "../hex.ts";
import { alignUp, PAGE_SIZE, PHYSICAL_END } from "../memory/addresses.ts";
import { ascendingFrames, type FrameRun } from "../memory/frame_allocator.ts";
import { frameLedger } from "../memory/frame_ledger.ts";
import { containsFrame, freshMemory, type PhysicalMemory } from "../memory/physical_memory.ts";
import { createMapper } from "../paging/mapper.ts";
import type { Base, Checked, Kept, Loading, Parsed } from "./context.ts";
import { frameDemand } from "./frame_demand.ts";
import { type LoadSettings, outOfBounds } from "./settings.ts";

/** What the preparation needs. */
export type Prepared = Base & Parsed & Checked & Partial<Kept>;

/**
 * Sizes and allocates memory, moves the bytes that have arrived into it, and takes the level-4 table.
 *
 * @param context The context after sanity-check.
 * @returns The address space, and access to the file bytes of headers.
 * @throws {LoadError} "memory-limit-exceeded", "memory-too-small" or "frames-exhausted".
 * @throws {RangeError} If the caller's level-4 frame lies outside memory or among the file's bytes.
 */
export async function prepareMemory(context: Prepared): Promise<Loading> {
  const { rules, settings, intake } = context;
  const { kernelOffset } = settings;
  const keptBytes = rules.readsWholeFile ? await intake.length() : lastNeededByte(context);
  const fileEnd = kernelOffset + alignUp(keptBytes);
  const memory = makeMemory(context, keptBytes);
  // Fresh memory of an earlier load may be passed in as the caller's memory, and is then no longer all zero.
  const fresh = memory.fresh && !settings.memory;
  await intake.place(memory, kernelOffset, keptBytes);
  if (rules.readsWholeFile) await intake.require(keptBytes);
  if (!fresh) memory.bytes(kernelOffset + keptBytes, fileEnd - kernelOffset - keptBytes).fill(0);
  const space = makeAddressSpace(context, memory, keptBytes, fresh);

  const fileBytes = async (phdr: ProgramHeader): Promise<Uint8Array> => {
    if (phdr.p_filesz === 0n) return new Uint8Array();
    const wanted = phdr.p_offset + phdr.p_filesz;
    if (wanted > keptBytes) {
      throw new RangeError(`Cannot read the file bytes of program header ${phdr.index}: nothing asked to keep them`);
    }
    const arrived = intake.received >= wanted ? Number(wanted) : await intake.require(Number(wanted));
    if (arrived < wanted) {
      const place = { index: phdr.index, field: "p_offset + p_filesz", value: wanted, limit: arrived };
      throw new LoadError("segment-out-of-file", place);
    }
    return memory.bytes(kernelOffset + Number(phdr.p_offset), Number(phdr.p_filesz));
  };
  return { ...space, keptBytes, fileBytes };
}

/** The end of the bytes that the segments, their handlers and earlier stages need, or that have already arrived. */
function lastNeededByte({ segments, settings, intake, keepUntil = 0 }: Prepared): number {
  return segments.reduce((end, { index, load, claim, p_offset, p_filesz }) => {
    if (p_filesz === 0n || (!load && !claim?.readsFile)) return end;
    const last = Number(p_offset + p_filesz);
    if (settings.size === undefined && !settings.memory) limit(last, "p_offset + p_filesz", settings, index);
    return Math.max(end, last);
  }, Math.max(intake.received, keepUntil));
}

/**
 * Creates the frames and page tables in memory; the file's bytes and a level-4 frame chosen by the caller count as
 * taken.
 */
function makeAddressSpace(
  context: Prepared,
  memory: PhysicalMemory,
  keptBytes: number,
  fresh: boolean,
): Pick<Loading, "addressSpace" | "endMarks"> {
  const { rules, settings, segments, virtualAddressOffset } = context;
  const { kernelOffset, level4Frame, kernelBase } = settings;
  const fileEnd = kernelOffset + alignUp(keptBytes);
  const taken = [{ start: kernelOffset, end: fileEnd, what: "the file's bytes" }];
  const given: FrameRun[] = [];
  if (level4Frame !== undefined) {
    checkLevel4Frame(memory, level4Frame, kernelOffset, fileEnd);
    if (!fresh) memory.bytes(level4Frame, PAGE_SIZE).fill(0);
    taken.push({ start: level4Frame, end: level4Frame + PAGE_SIZE, what: "the level-4 table" });
    given.push({ phys: level4Frame, size: PAGE_SIZE, owner: "table" });
  }
  const end = memory.base + memory.size;
  const allocator = settings.frames ?? ascendingFrames({ start: fileEnd, end, skip: level4Frame });
  // Our own allocator starts after the file; what a caller's allocator will hand out is unknown.
  const reserved = settings.frames ? memory.base : kernelOffset;
  const frames = frameLedger(allocator, memory, taken, fresh && !settings.frames, reserved);
  const root = level4Frame ?? frames.allocateRun(1, "table")?.phys;
  if (root === undefined) throw new LoadError("frames-exhausted", { field: "the level-4 table", value: PAGE_SIZE });
  if (level4Frame === undefined) taken.push({ start: root, end: root + PAGE_SIZE, what: "the level-4 table" });
  const pageTable = createMapper({ memory, level4Frame: root, frames, parentFlags: rules.parentFlags });
  let isMarking = rules.ownership === "mark";
  const addressSpace = openAddressSpace({
    memory,
    frames,
    pageTable,
    file: { phys: kernelOffset, size: keptBytes },
    given,
    segments,
    bssEnd: rules.bssEnd,
    isMarking: () => isMarking,
    findUsedEntries: () => level4Usage({ rules, segments, virtualAddressOffset, kernelBase }),
  });
  const endMarks = (): Promise<void> | undefined => {
    const clearing = isMarking ? clearMarks(pageTable, segments, context.pause) : undefined;
    return clearing?.then(() => {
      isMarking = false;
    });
  };
  return { addressSpace, endMarks };
}

function makeMemory(context: Prepared, keptBytes: number): PhysicalMemory {
  const { settings, segments } = context;
  const fileEnd = settings.kernelOffset + alignUp(keptBytes);
  const { base, maxMemory } = settings;
  const given = settings.memory?.size ?? settings.size;
  if (given === undefined) return ownMemory(context, keptBytes, fileEnd);
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

/**
 * Allocates as much as the segments need, plus what plugins, stages and later additions may take, up to `maxMemory`.
 */
function ownMemory(context: Prepared, keptBytes: number, fileEnd: number): PhysicalMemory {
  const { rules, settings, segments, fileHeader, takes } = context;
  const { base, maxMemory, level4Frame, reserve } = settings;
  for (const { load, index } of segments) if (load) limit(load.memSize, "p_memsz", settings, index);
  const tableEnd = level4Frame === undefined ? 0 : level4Frame + PAGE_SIZE;
  const end = Math.max(fileEnd + frameDemand(rules, context) * PAGE_SIZE, tableEnd);
  limit(end - base, "the size of the memory it needs", settings);
  if (end > PHYSICAL_END) {
    throw new LoadError("memory-too-small", {
      field: "the end of the memory it needs",
      value: end,
      limit: PHYSICAL_END,
    });
  }
  const rest = alignUp(takes({ rules, fileHeader, segments, keptBytes })) +
    alignUp(reserve);
  return allocate(base, Math.min(end - base + rest, maxMemory, PHYSICAL_END - base), maxMemory);
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
    const place = { field: "the size of the memory", value: size, limit: maxMemory };
    throw new LoadError("memory-limit-exceeded", place, { cause });
  }
}

function checkLevel4Frame(memory: PhysicalMemory, frame: number, fileStart: number, fileEnd: number): void {
  if (!containsFrame(memory, frame)) {
    const range = `${hexAddr(memory.base)}..${hexAddr(memory.base + memory.size)}`;
    throw outOfBounds("level4Frame", frame, `it lies outside the memory, ${range}`);
  }
  if (frame >= fileStart && frame < fileEnd) {
    throw outOfBounds("level4Frame", frame, `it overlaps the file's bytes, ${hexAddr(fileStart)}..${hexAddr(fileEnd)}`);
  }
}
