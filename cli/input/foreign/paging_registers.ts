/**
 * What control registers say about page tables (Intel SDM vol. 3, "Control Registers" and "Paging Modes and Control
 * Bits").
 *
 * @module
 */

/** The registers that paging depends on. */
export interface PagingRegisters {
  /** CR0. */
  readonly cr0: bigint;
  /** CR3. */
  readonly cr3: bigint;
  /** CR4. */
  readonly cr4: bigint;
  /** The MSR IA32_EFER, if it is known. */
  readonly efer?: bigint;
}

const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const CR4_LA57 = 1n << 12n;
const EFER_LMA = 1n << 10n;
/** Bits 12 to 51 of CR3; the others are flags and a PCID. */
const CR3_ADDRESS = 0x000f_ffff_ffff_f000n;

/**
 * Says why a processor uses no page tables of 64-bit mode.
 *
 * @param registers Its registers.
 * @returns Why, as the end of a sentence; `undefined` if it uses them.
 */
export function withoutPaging({ cr0, cr4, efer }: PagingRegisters): string | undefined {
  if ((cr0 & CR0_PG) === 0n) return "the guest has not enabled paging (CR0.PG is 0)";
  if ((cr4 & CR4_PAE) === 0n) return "the guest uses 32-bit page tables (CR4.PAE is 0)";
  if (efer !== undefined && (efer & EFER_LMA) === 0n) return "the guest is not in 64-bit mode (EFER.LMA is 0)";
  return undefined;
}

/**
 * Where a processor's page tables start.
 *
 * @param registers Its registers.
 * @returns The physical address of the table of the highest level, and the number of levels.
 */
export function tablesIn({ cr3, cr4 }: PagingRegisters): { readonly cr3: number; readonly levels: 4 | 5 } {
  return { cr3: Number(cr3 & CR3_ADDRESS), levels: (cr4 & CR4_LA57) === 0n ? 4 : 5 };
}
