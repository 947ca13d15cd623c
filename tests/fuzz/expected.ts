/** Compares what plugins found in a sound file with what was put into it. */

import type { LoadedKernel } from "../../mod.ts";
import type { EhFrame } from "../../plugins/eh_frame.ts";
import type { Notes } from "../../plugins/notes.ts";
import type { Sections } from "../../plugins/sections.ts";
import type { Complain } from "./compare.ts";
import type { FuzzFile } from "./generate/file.ts";
import { Little, readEhdr } from "./model/reading.ts";
import type { Setup } from "./setup.ts";
import { isEqual } from "./windows.ts";

/** Checks the results of plugins. */
export function checkExpected(kernel: LoadedKernel, file: FuzzFile, { rules }: Setup, complain: Complain): void {
  const results = kernel.results as { readonly notes?: Notes; readonly "eh-frame"?: EhFrame };
  if (file.notes && results.notes) {
    const found = results.notes.notes.map(({ owner, type, descriptor }) => `${owner} ${type} ${descriptor.join()}`);
    const wanted = file.notes.map(({ owner, type, descriptor }) => `${owner} ${type} ${descriptor.join()}`);
    if (found.join(";") !== wanted.join(";")) complain(`the notes are ${found.join("; ")}, not ${wanted.join("; ")}`);
  }
  checkSections(kernel, file.bytes, complain);
  const unwind = results["eh-frame"];
  if (!unwind) return;
  // Nothing but a result may come of a lookup, whatever the table holds.
  for (const address of [0n, kernel.entryPoint, unwind.address, (1n << 64n) - 1n]) unwind.lookup?.(address);
  // The originals map bytes that are not where their addresses say.
  if (!file.unwind || rules !== "default") return;
  const { address, entries } = file.unwind;
  const moved = (linked: bigint): bigint => BigInt.asUintN(64, linked + kernel.virtualAddressOffset);
  if (unwind.address !== moved(address)) complain(`the unwind table is at ${unwind.address}`);
  if ((unwind.fdeCount ?? 0) !== entries.length) complain(`${unwind.fdeCount} unwind entries of ${entries.length}`);
  for (const { start, size } of entries) {
    const found = unwind.lookup?.(moved(start) + BigInt(size) - 1n);
    if (found?.start !== moved(start) || found.end !== moved(start) + BigInt(size)) {
      complain(`the unwind entry of ${start} is ${found?.start}..${found?.end}`);
    }
    if (unwind.lookup?.(moved(start) + BigInt(size))) complain(`an unwind entry after ${start} covers too much`);
  }
}

/** Sections are where the plugin says, with the bytes that they have in the file. */
function checkSections(kernel: LoadedKernel, file: Uint8Array, complain: Complain): void {
  const { sections } = kernel.results as { readonly sections?: Sections };
  if (!sections) return;
  const reader = new Little(file);
  const { shoff, shnum, shentsize } = readEhdr(reader);
  const rows = Array.from({ length: shentsize === 64 ? shnum : 0 }, (_, index) => {
    const at = Number(shoff) + index * 64;
    if (at + 64 > file.length) return undefined;
    return {
      type: reader.u32(at + 4),
      flags: reader.u64(at + 8),
      offset: reader.u64(at + 24),
      size: reader.u64(at + 32),
    };
  });
  for (const { index, virt, size, name } of sections.mappedSections) {
    const row = rows[index];
    if (row?.size !== BigInt(size)) complain(`section ${index} has ${size} bytes, not ${row?.size}`);
    else if (!isEqual(kernel.read(virt, size), file.subarray(Number(row.offset), Number(row.offset) + size))) {
      complain(`section ${index} (${name}) has other bytes`);
    }
  }
}
