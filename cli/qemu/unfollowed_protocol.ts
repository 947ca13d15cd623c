/**
 * Says what a kernel expected that kload did not do, for the report on a guest that died.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import { hex, printable } from "../output/text.ts";
import { userProgram } from "../report/file_facts.ts";
import type { Kernel } from "../report/kernel.ts";
import type { Recognized } from "../report/recognized.ts";

/**
 * Says how a kernel was not entered as it wants.
 *
 * @param kernel The kernel, which was entered at its entry point in 64-bit mode.
 * @param recognized The boot protocols that it is made for, none of which kload follows.
 * @returns One or more sentences, in lines; `undefined` if it is made for none, and its entry point is mapped.
 */
export function unfollowedProtocol(kernel: Kernel, recognized: Recognized): string | undefined {
  const { protocols } = recognized;
  const about = userProgram(recognized);
  const { entryPoint } = kernel;
  const physical = physicalEntry(kernel);
  const these = protocols.length === 1 ? "this protocol" : "these protocols";
  const summaries = protocols.map(({ summary }) => `${printable(summary)}.`);
  const followed = `kload does not follow ${these}, and entered the kernel at ${hex(entryPoint)} in 64-bit mode.`;
  const lines = [
    ...(about === undefined ? [] : [`This is ${about}. It expects an operating system, and there is none.`]),
    ...(summaries.length === 1 ? [`${summaries[0]} ${followed}`] : summaries),
    ...(summaries.length > 1 ? [followed] : []),
    ...(physical === undefined ? [] : [physical]),
    ...(summaries.length === 0 ? [] : ["kload check says which loaders will boot it."]),
  ];
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** Whether the entry point is an address of physical memory, and unmapped as a virtual one. */
function physicalEntry({ entryPoint, pageTable, programHeaders }: Kernel): string | undefined {
  if (pageTable.translate(entryPoint).mapped) return undefined;
  const header = programHeaders.find(({ p_type, p_paddr, p_vaddr, p_memsz }) =>
    p_type === PT_LOAD && p_paddr !== p_vaddr && entryPoint >= p_paddr && entryPoint < p_paddr + p_memsz
  );
  if (!header) return undefined;
  return `The entry point ${hex(entryPoint)} is a physical address, in the p_paddr range of program header ` +
    `${header.index}: kload enters kernels with paging on, and maps them by p_vaddr.`;
}
