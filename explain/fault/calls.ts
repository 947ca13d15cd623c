/**
 * Return addresses: how they are told from other words.
 *
 * @module
 */

import type { GuestMemory } from "./guest_memory.ts";

/** The longest call in bytes: a REX prefix, opcode, ModRM, SIB, and a displacement of 32 bits. */
const LONGEST = 8;

const PAGE_MASK = 0xfffn;

const CALL_RELATIVE = 0xe8;
const CALL_RELATIVE_LENGTH = 5;
const CALL_INDIRECT = 0xff;
/** The number in a ModRM byte that makes opcode 0xff a near call. */
const CALL_INDIRECT_NUMBER = 2;
const SIB = 4;
const RIP_RELATIVE = 5;

/** The call before a return address. */
export interface Call {
  /** Where it begins. */
  readonly address: bigint;
  /** Number of bytes. */
  readonly length: number;
  /** Where it goes, if it names the address itself. */
  readonly target?: bigint;
}

/**
 * Finds the call that ends right before an address (Intel SDM vol. 2, "CALL": opcodes E8 and FF /2).
 *
 * @param address The address.
 * @param memory The guest's memory.
 * @returns The call; `undefined` if the bytes there cannot be one, or are not in a segment and page of the kernel that can
 * be executed.
 */
export function callBefore(address: bigint, memory: GuestMemory): Call | undefined {
  if (address < LONGEST || !memory.isText(address - 1n) || !memory.isExecutable(address - 1n)) return undefined;
  const before = bytesBefore(address, memory);
  for (let length = before.length; length >= 2; length--) {
    const bytes = before.subarray(before.length - length);
    const start = address - BigInt(length);
    if (length === CALL_RELATIVE_LENGTH && bytes[0] === CALL_RELATIVE) {
      const distance = BigInt(new DataView(bytes.buffer, bytes.byteOffset).getInt32(1, true));
      const target = BigInt.asUintN(64, address + distance);
      // A call into data is one, too: the fetch there is what failed.
      if (memory.isExecutable(target) || memory.isMapped(target)) return { address: start, length, target };
    }
    if (isIndirectCall(bytes)) return { address: start, length };
  }
  return undefined;
}

/** As many bytes before an address as a call can have, or as many as are in its page if the page before is not known. */
function bytesBefore(address: bigint, memory: GuestMemory): Uint8Array {
  const whole = memory.read(address - BigInt(LONGEST), LONGEST);
  const inPage = Number((address - 1n) & PAGE_MASK) + 1;
  const length = Math.min(inPage, LONGEST);
  return whole ?? memory.read(address - BigInt(length), length) ?? new Uint8Array();
}

function isIndirectCall(bytes: Uint8Array): boolean {
  const hasRex = (bytes[0] & 0xf0) === 0x40;
  const at = hasRex ? 1 : 0;
  const [opcode, modrm, sib] = bytes.subarray(at);
  if (opcode !== CALL_INDIRECT || modrm === undefined || ((modrm >> 3) & 7) !== CALL_INDIRECT_NUMBER) return false;
  const [mod, rm] = [modrm >> 6, modrm & 7];
  const hasSib = mod !== 3 && rm === SIB;
  const isWide = mod === 2 || (mod === 0 && (rm === RIP_RELATIVE || (hasSib && (sib & 7) === RIP_RELATIVE)));
  return bytes.length === at + 2 + (hasSib ? 1 : 0) + (isWide ? 4 : mod === 1 ? 1 : 0);
}
