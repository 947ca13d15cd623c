/**
 * The memory of guests of virtual machine monitors: up to 3 GiB from 0 on, the rest from 4 GiB on.
 *
 * Firecracker: src/vmm/src/arch/x86_64/layout.rs, `MMIO32_MEM_START`. Cloud Hypervisor: arch/src/x86_64/layout.rs,
 * `MEM_32BIT_RESERVED_START`. OpenVMM's microVM keeps the same range free.
 *
 * @module
 */

const GAP_START = 0xc000_0000;
const GAP_END = 2 ** 32;

/**
 * Whether a range lies in the guest's memory.
 *
 * @param memory The size of the guest's memory in bytes.
 * @param start The first physical address.
 * @param size Number of bytes.
 * @returns True if all of it does.
 */
export function isInMemory(memory: number, start: bigint, size: bigint): boolean {
  const end = start + size;
  if (end <= BigInt(Math.min(memory, GAP_START))) return true;
  return start >= BigInt(GAP_END) && end <= BigInt(GAP_END + memory - GAP_START);
}

/** Where memory below 4 GiB ends. */
export function lowMemoryEnd(memory: number): number {
  return Math.min(memory, GAP_START);
}
