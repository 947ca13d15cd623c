/**
 * QEMU's own walker of page tables, asked without running one instruction: a machine that stands still, page tables
 * written into its memory from outside, and its monitor, which says what they map. All of it was tried with QEMU 7.2.
 */

import { type GdbStub, openGdbStub } from "./gdb_stub.ts";
import { startMachine } from "./machine.ts";

// The processor in 64-bit mode, Intel SDM vol. 3, "Control Registers" and "Extended Feature Enable Register".
const CR4_PAE = 1 << 5;
const CR4_LA57 = 1 << 12;
const EFER_LME_NXE = (1 << 8) | (1 << 11);
const CR0_PE_ET_WP_PG = (1 << 0) | (1 << 4) | (1 << 16) | (1 << 31);

/** A range of neighbouring pages with equal permissions, whatever frames they have. */
export interface Permissions {
  /** Low 48 bits of the first address. */
  readonly low: number;
  /** One past the last address's low 48 bits, at most 2^48. */
  readonly end: number;
  /** Whether every level allows user mode. */
  readonly user: boolean;
  /** Whether every level allows writes. */
  readonly writable: boolean;
}

/** What QEMU says about page tables. Every function throws, and QEMU is stopped, where it is silent for 15 s. */
export interface Oracle extends AsyncDisposable {
  /** The folder of the machine's files, gone when the oracle is. */
  readonly dir: string;
  /** Writes physical memory: between 1 MiB and 2 GiB, or from 4 GiB to 5 GiB. */
  readonly write: (phys: number, bytes: Uint8Array) => void;
  /** Puts the physical address of a root table, below 4 GiB, into CR3; what follows is about its pages. */
  readonly setLevel4: (frame: number) => Promise<void>;
  /**
   * Lists every page, ascending, as "VVVVVVVVVVVVVVVV: PPPPPPPPPPPPPPPP XGPDACTUW": virtual address, bits 12 to 49 of
   * the physical one, and the leaf's flags, "-" for those that are clear; P is a huge page, X no execution.
   */
  readonly leaves: () => Promise<readonly string[]>;
  /** Lists what all levels together grant, as merged ranges, ascending; QEMU 7.2 hangs on it with five levels. */
  readonly permissions: () => Promise<readonly Permissions[]>;
  /** Finds the physical address of a byte; `undefined` where it is not mapped. */
  readonly translate: (virt: bigint) => Promise<number | undefined>;
  /** Reads up to 2048 bytes by their virtual address; `undefined` where a page is not mapped. */
  readonly read: (virt: bigint, length: number) => Promise<Uint8Array | undefined>;
}

/**
 * Starts QEMU with a processor that uses paging.
 *
 * @param levels Number of levels of page tables.
 * @returns The oracle; it has to be disposed of.
 */
export async function openOracle(levels: 4 | 5 = 4): Promise<Oracle> {
  const machine = await startMachine();
  const { dir, write, within } = machine;
  const stub = await within("connect", openGdbStub(machine.gdb));
  const command = (line: string): Promise<string> => within(`execute ${line}`, stub.command(line));
  const setRegister: GdbStub["setRegister"] = (register, value) =>
    within(`set ${register}`, stub.setRegister(register, value));
  await setRegister("cr4", levels === 5 ? CR4_PAE | CR4_LA57 : CR4_PAE);
  await setRegister("efer", EFER_LME_NXE);
  await setRegister("cr0", CR0_PE_ET_WP_PG);
  return {
    dir,
    write,
    setLevel4: (frame) => setRegister("cr3", frame),
    leaves: async () => linesOf(await command("info tlb")),
    permissions: async () => linesOf(await command("info mem")).map(parsePermissions),
    translate: async (virt) => parseTranslation(await command(`gva2gpa 0x${virt.toString(16)}`)),
    read: (virt, length) => within("read memory", stub.read(virt, length)),
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

function linesOf(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line !== "");
}

function parsePermissions(line: string): Permissions {
  const [, start, end, user, writable] = line.match(/^([0-9a-f]{16})-([0-9a-f]{16}) [0-9a-f]{16} ([u-])r([w-])$/) ??
    unknown(line);
  const low48 = (address: string): number => Number(BigInt.asUintN(48, BigInt(`0x${address}`)));
  return { low: low48(start), end: low48(end) || 2 ** 48, user: user === "u", writable: writable === "w" };
}

function parseTranslation(text: string): number | undefined {
  const [, phys] = text.trim().match(/^(?:gpa: (0x[0-9a-f]+|0)|Unmapped)$/) ?? unknown(text);
  return phys === undefined ? undefined : Number(phys);
}

function unknown(text: string): never {
  throw new Error(`Cannot read QEMU's answer: ${text}`);
}
