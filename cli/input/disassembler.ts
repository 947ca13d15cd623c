/**
 * Starts the disassembler.
 *
 * @module
 */

import type { Disassembler } from "../../explain/instructions/instruction.ts";

/**
 * Imports the disassembler and its code, for which Deno needs no permission.
 *
 * @returns The disassembler.
 */
export async function disassembler(): Promise<Disassembler> {
  const [{ openDisassembler }, { compiled }] = await Promise.all([
    import("../../explain/instructions/disassembler.ts"),
    // @ts-types="./iced_wasm.d.ts"
    import("./iced_wasm.js"),
  ]);
  return await openDisassembler(compiled);
}
