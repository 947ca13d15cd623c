/**
 * What a kernel's file expects of the one who starts it, and did not get.
 *
 * @module
 */

import { PT_LOAD } from "../../core/elf/constants.ts";
import { hexAddr } from "../../core/hex.ts";
import type { ProtocolName } from "../../protocols/protocol.ts";
import { walkTables } from "../tables/walk_tables.ts";
import { tablesOf } from "../explained.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView, FileFacts } from "./fault_view.ts";
import { headerAt } from "./place.ts";
import type { StartedKernel } from "./stopped_guest.ts";

/** The protocols that enter a kernel in 32-bit mode, by their names in a sentence. */
const IN_32_BIT: ReadonlyMap<ProtocolName, string> = new Map([
  ["multiboot", "Multiboot 1"],
  ["multiboot2", "Multiboot 2"],
  ["pvh", "PVH"],
]);

/**
 * Says how a kernel was not entered as it wants: it was entered at its entry point, in 64-bit mode.
 *
 * @param started The kernel.
 * @param file What is known of its file.
 * @returns Whole sentences, one or more for each code. That a guest died of it is not claimed.
 */
export function expectations({ kernel }: StartedKernel, file: FileFacts): readonly FaultCause[] {
  const about = programKind(file);
  const physical = physicalEntry({ kernel });
  const { protocols } = file;
  const these = protocols.length === 1 ? "this protocol" : "these protocols";
  const followed =
    `kload does not follow ${these}, and entered the kernel at ${hexAddr(kernel.entryPoint)} in 64-bit ` +
    "mode.";
  return [
    ...(about === undefined ? [] : [{
      code: "user-program" as const,
      message: `This is ${about}. It expects an operating system, and there is none.`,
    }]),
    ...(protocols.length === 0 ? [] : [{
      code: "protocol-not-followed" as const,
      message: [...protocols.map(({ summary }) => `${summary}.`), followed].join(" "),
      hint: "kload check says which loaders will boot it.",
    }]),
    ...(physical === undefined ? [] : [{ code: "entry-is-physical" as const, message: physical }]),
  ];
}

function programKind({ interpreter, system }: FileFacts): string | undefined {
  if (interpreter !== undefined) return `a user program: it names the interpreter ${JSON.stringify(interpreter)}`;
  return system === undefined ? undefined : `a user program for ${system} or later, by a note in it`;
}

/** Whether the entry point is an address of physical memory, and unmapped as a virtual one. */
function physicalEntry({ kernel }: Pick<StartedKernel, "kernel">): string | undefined {
  const { entryPoint, programHeaders } = kernel;
  if (walkTables(tablesOf(kernel), entryPoint).end.kind === "page") return undefined;
  const header = programHeaders.find(({ p_type, p_paddr, p_vaddr, p_memsz }) =>
    p_type === PT_LOAD && p_paddr !== p_vaddr && entryPoint >= p_paddr && entryPoint < p_paddr + p_memsz
  );
  if (!header) return undefined;
  return `The entry point ${hexAddr(entryPoint)} is a physical address, in the p_paddr range of program header ` +
    `${header.index}: kload enters kernels with paging on, and maps them by p_vaddr.`;
}

/**
 * Says what the bytes at RIP are in 32-bit mode, if the kernel is for a protocol that enters it so.
 *
 * @param view The guest, at an exception.
 * @returns One cause, or none if both modes take the bytes for the same instruction.
 */
export function modeCauses(
  { registers, instruction, memory, file, disassembler, started }: FaultView,
): readonly FaultCause[] {
  const { kernel } = started;
  const protocol = file?.protocols.find(({ name }) => IN_32_BIT.has(name));
  const name = protocol && IN_32_BIT.get(protocol.name);
  const rip = registers.get("RIP") ?? 0n;
  const header = headerAt(rip, kernel);
  if (name === undefined || !instruction || !disassembler || header !== headerAt(kernel.entryPoint, kernel)) return [];
  const bytes = memory.read(rip, LONGEST_INSTRUCTION) ?? memory.read(rip, instruction.length);
  if (!bytes) return [];
  const [narrow] = disassembler.instructions(bytes, rip, 32);
  if (!narrow || ["invalid", "cut"].includes(narrow.flow) || narrow.text === instruction.text) return [];
  return [{
    code: "code-for-32-bit",
    message: `${name} enters kernels in 32-bit mode, in which the bytes there are ${narrow.text}`,
  }];
}

const LONGEST_INSTRUCTION = 15;
