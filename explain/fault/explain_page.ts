/**
 * Explains a page fault from its error code and the page tables.
 *
 * @module
 */

import { PF_W, PF_X, PT_GNU_RELRO } from "../../core/elf/constants.ts";
import type { ProgramHeader } from "../../core/elf/program_header.ts";
import { isCanonical } from "../../core/memory/addresses.ts";
import type { ExplainedKernel } from "../explained.ts";
import { type Walk, walkTables } from "../tables/walk_tables.ts";
import type { FaultAccess, FaultCause, FaultPage, PageProblem } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { headerAt, headerName } from "./place.ts";

// Intel SDM vol. 3, "Page-Fault Error Code"
const PRESENT = 1 << 0;
const WRITE = 1 << 1;
const USER = 1 << 2;
const RESERVED = 1 << 3;
const FETCH = 1 << 4;
const KEY = 1 << 5;

// Intel SDM vol. 3, "Control Registers": supervisor mode is kept out of pages for user mode
const CR4_SMEP = 1n << 20n;
const CR4_SMAP = 1n << 21n;

/** The bits of an address that choose a page or a frame. */
const PAGE = ~0xfffn;

/** What was accessed, and what is wrong with its page. */
export interface ExplainedPage {
  /** The page. */
  readonly page: FaultPage;
  /** The causes that follow from the tables and the program headers. */
  readonly causes: readonly FaultCause[];
}

/**
 * The kind of access that an error code is of.
 *
 * @param error The error code of a page fault.
 * @returns The kind, and whether it was made in user mode.
 */
export function accessKind(error: number): Pick<FaultAccess, "kind" | "user"> {
  return { kind: error & FETCH ? "fetch" : error & WRITE ? "write" : "read", user: (error & USER) !== 0 };
}

/**
 * Explains what is wrong with a page.
 *
 * @param address The address that was accessed.
 * @param error The error code of the page fault.
 * @param view The guest.
 * @returns What the error code, the tables and the headers say of it.
 */
export function explainPage(address: bigint, error: number, view: FaultView): ExplainedPage {
  const { memory: { current, initial, usesInitial } } = view;
  const first = walkTables(initial, address);
  const walk = current ? walkTables(current, address) : usesInitial ? first : undefined;
  const found = problemOf(address, error, walk, view);
  const hasChanged = walk !== undefined && (current ? !allows(walk, error) : true) &&
    (allows(first, error) || (!current && isMappedSince(first, error)));
  const message = hasChanged && found.problem === "not-mapped" && !current
    ? "the page is no longer mapped"
    : found.message;
  return {
    page: { ...found, message, tables: usesInitial ? "initial" : "own", ...(walk ? { walk } : {}) },
    causes: hasChanged ? [changed(error, first, usesInitial)] : headerCauses(address, error, first, walk, view),
  };
}

interface Problem {
  readonly problem: PageProblem;
  readonly message: string;
}

function problemOf(
  address: bigint,
  error: number,
  walk: Walk | undefined,
  { registers, memory: { current } }: FaultView,
): Problem {
  const byCode = problemByCode(address, error);
  if (!walk || byCode.problem !== (error & PRESENT ? "not-permitted" : "not-mapped")) return byCode;
  const { end } = walk;
  if (end.kind === "absent" && !(error & PRESENT)) {
    return { ...byCode, message: `${byCode.message}: the walk ends at level ${end.level}` };
  }
  if (end.kind === "page" && current && !(error & PRESENT)) {
    return { ...byCode, message: "the page was not mapped when it was accessed; the page tables map it now" };
  }
  if (end.kind !== "page" || !(error & PRESENT)) return byCode;
  if (error & FETCH && !end.executable) {
    return { problem: "not-executable", message: "the page is mapped, but not executable" };
  }
  if (error & WRITE && !end.writable) {
    return { problem: "not-writable", message: "the page is mapped, but not writable" };
  }
  if (error & USER && !end.user) {
    return { problem: "not-for-user-mode", message: "the page is mapped, but not for user mode" };
  }
  const [name, bit] = error & FETCH ? ["CR4.SMEP", CR4_SMEP] as const : ["CR4.SMAP", CR4_SMAP] as const;
  if (!(error & USER) && end.user && ((registers.get("CR4") ?? 0n) & bit) !== 0n) {
    return { problem: "for-user-mode", message: `the page is for user mode, and ${name} keeps the kernel out of it` };
  }
  return byCode;
}

/** The problem as far as the error code alone shows it. */
function problemByCode(address: bigint, error: number): Problem {
  if (error & RESERVED) {
    return { problem: "reserved-bits", message: "a page-table entry in the walk has reserved bits set" };
  }
  if (!isCanonical(address)) return { problem: "not-canonical", message: "the address is not canonical" };
  if (!(error & PRESENT)) return { problem: "not-mapped", message: "the page is not mapped" };
  if (error & KEY) {
    return { problem: "protection-key", message: "the page is mapped, but its protection key forbids the access" };
  }
  const access = error & FETCH ? "the fetch" : error & WRITE ? "the write" : "the read";
  const mode = error & USER ? " in user mode" : "";
  return { problem: "not-permitted", message: `the page is mapped, but does not permit ${access}${mode}` };
}

/** Whether the tables allow the access that an error code is of, protection keys and CR4 aside. */
function allows({ end }: Walk, error: number): boolean {
  if ((error & (RESERVED | KEY)) !== 0 || end.kind !== "page") return false;
  return !(error & FETCH && !end.executable) && !(error & WRITE && !end.writable) && !(error & USER && !end.user);
}

/** Whether there is a page by the error code, but not in the tables. */
function isMappedSince({ end }: Walk, error: number): boolean {
  return (error & PRESENT) !== 0 && (error & (RESERVED | KEY)) === 0 && end.kind === "absent";
}

function changed(error: number, first: Walk, usesInitial: boolean): FaultCause {
  const was = isMappedSince(first, error) ? "did not map the page" : error & PRESENT ? "allowed it" : "mapped the page";
  const message = usesInitial
    ? `the page tables ${was} when the kernel was entered: the guest has changed them`
    : `the page tables that the kernel was started with ${was}; those that the guest uses now do not`;
  return { code: "tables-changed", message };
}

/** The headers that an entry comes from, if it is as it was when the kernel was started. */
function headerCauses(
  address: bigint,
  error: number,
  first: Walk,
  walk: Walk | undefined,
  { started: { kernel } }: FaultView,
): readonly FaultCause[] {
  const [leaf, initial] = [walk?.levels.at(-1), first.levels.at(-1)];
  if (!(error & PRESENT) || (error & (RESERVED | KEY)) !== 0 || first.end.kind !== "page" || !leaf || !initial) {
    return [];
  }
  if (leaf.table !== initial.table || leaf.index !== initial.index) return [];
  const phdr = headerAt(address, kernel);
  if (!phdr) return [];
  if (error & FETCH && !first.end.executable && (phdr.p_flags & PF_X) === 0) {
    return [{ code: "header-not-executable", message: `program header ${phdr.index} does not set PF_X` }];
  }
  if (!(error & WRITE) || first.end.writable) return [];
  if ((phdr.p_flags & PF_W) === 0) {
    return [{ code: "header-not-writable", message: `program header ${phdr.index} does not set PF_W` }];
  }
  const seal = kernel.programHeaders.find((other) => seals(other, address, kernel));
  if (!seal || !kernel.results.relro) return [];
  return [{
    code: "relro-sealed",
    message: `${headerName(seal, kernel)} made it read-only after relocation`,
    hint: "If the kernel must write there, link it with -z norelro, or load it without the plugin relro " +
      "(--no-plugin relro).",
  }];
}

function seals({ p_type, p_vaddr, p_memsz }: ProgramHeader, address: bigint, kernel: ExplainedKernel): boolean {
  if (p_type !== PT_GNU_RELRO || p_memsz === 0n) return false;
  const start = BigInt.asUintN(64, p_vaddr + kernel.virtualAddressOffset);
  return address >= (start & PAGE) && address < ((start + p_memsz + ~PAGE) & PAGE);
}
