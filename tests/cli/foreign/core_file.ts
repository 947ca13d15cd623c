/** Builds ELF cores of machines by hand, as QEMU's documentation of dump-guest-memory and elf.h have them. */

/** A core. */
export interface CorePlan {
  readonly loads: readonly {
    readonly phys: bigint;
    readonly bytes: Uint8Array;
    /** Where the bytes are in the file; after all that was before. */
    readonly offset?: number;
  }[];
  /** Registers of processors. */
  readonly processors?: readonly {
    readonly cr0: bigint;
    readonly cr3: bigint;
    readonly cr4: bigint;
  }[];
  readonly machine?: number;
  readonly fileClass?: number;
  readonly type?: number;
  /** Whether the number of program headers is in section header 0. */
  readonly extended?: boolean;
}

/** struct QEMUCPUState: version and size, 18 registers, 10 segments of 24 bytes, CR0 to CR4, kernel_gs_base. */
function processorNote({ cr0, cr3, cr4 }: { cr0: bigint; cr3: bigint; cr4: bigint }): Uint8Array {
  const bytes = new Uint8Array(12 + 8 + 440);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 5, true); // n_namesz, n_descsz, n_type
  view.setUint32(4, 440, true);
  bytes.set(new TextEncoder().encode("QEMU\0"), 12);
  view.setUint32(20, 1, true);
  view.setUint32(24, 440, true);
  for (const [nth, value] of [cr0, 0n, 0n, cr3, cr4].entries()) view.setBigUint64(20 + 392 + nth * 8, value, true);
  return bytes;
}

/** Registers of a processor in 64-bit mode. */
export function registers(cr3: bigint, la57 = false): { cr0: bigint; cr3: bigint; cr4: bigint } {
  return { cr0: 0x8001_0033n, cr3, cr4: la57 ? 0x1620n : 0x620n };
}

/** The file. */
export function coreFile(plan: CorePlan): Uint8Array<ArrayBuffer> {
  const { loads, processors = [], machine = 62, fileClass = 2, type = 4, extended = false } = plan;
  const notes = processors.map(processorNote);
  const noteSize = notes.reduce((sum, { length }) => sum + length, 0);
  const count = loads.length + 1;
  const sectionAt = 64;
  const headersAt = sectionAt + (extended ? 64 : 0);
  const notesAt = headersAt + count * 56;
  let end = notesAt + noteSize;
  const placed = loads.map((load) => {
    const offset = load.offset ?? end;
    end = Math.max(end, offset + load.bytes.length);
    return { ...load, offset };
  });
  const file = new Uint8Array(end);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, fileClass, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(headersAt), true);
  view.setBigUint64(40, BigInt(extended ? sectionAt : 0), true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, extended ? 0xffff : count, true);
  if (extended) {
    view.setUint16(58, 64, true);
    view.setUint16(60, 1, true);
    view.setUint32(sectionAt + 44, count, true); // sh_info
  }
  const header = (nth: number, p_type: number, offset: number, phys: bigint, size: number): void => {
    const at = headersAt + nth * 56;
    view.setUint32(at, p_type, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 24, phys, true);
    view.setBigUint64(at + 32, BigInt(size), true);
    view.setBigUint64(at + 40, BigInt(size), true);
  };
  header(0, 4, notesAt, 0n, noteSize);
  for (const [nth, { phys, bytes, offset }] of placed.entries()) {
    header(nth + 1, 1, offset, phys, bytes.length);
    file.set(bytes, offset);
  }
  let at = notesAt;
  for (const note of notes) {
    file.set(note, at);
    at += note.length;
  }
  return file;
}
