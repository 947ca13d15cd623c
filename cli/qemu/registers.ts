/**
 * The processor's registers, as QEMU prints them.
 *
 * @module
 */

import type { Registers } from "../../explain/fault/registers.ts";

/**
 * Parses the output of `info registers`, or an entry of QEMU's log.
 *
 * @param text The text.
 * @returns The registers.
 */
export function parseRegisters(text: string): Registers {
  const registers = new Map<string, bigint>();
  for (const [, name, value] of text.matchAll(/\b([A-Z][A-Z0-9]{0,3})\s*=\s*([0-9a-f]+)/g)) {
    if (!registers.has(name)) registers.set(name, BigInt(`0x${value}`));
  }
  for (const [, name, limit] of text.matchAll(/\b([GI]DT)=\s*[0-9a-f]+ ([0-9a-f]+)/g)) {
    registers.set(`${name} limit`, BigInt(`0x${limit}`));
  }
  // "FS =0010 0000000000000000 ffffffff 00cf9300": the selector, and the base
  for (const [, name, base] of text.matchAll(/\b(FS|GS|TR) *=[0-9a-f]{4} ([0-9a-f]+)/g)) {
    registers.set(`${name} base`, BigInt(`0x${base}`));
  }
  return registers;
}

/**
 * Parses the output of `info registers -a`.
 *
 * @param text The text.
 * @returns The registers of every processor, from the first on.
 */
export function parseProcessors(text: string): readonly Registers[] {
  return text.split(/^CPU#\d+\s*$/m).slice(1).map(parseRegisters);
}
