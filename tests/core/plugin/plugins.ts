/** Files and plugins for tests of plugins. */

import type { Handler, Plugin } from "../../../core/plugin/plugin.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";

/** Types that no specification gives, of the operating system's range and of the processor's. */
export const A = 0x6000_0001;
export const B = 0x6000_0002;
export const PROC = 0x7000_0001;

/** A file with headers of these types, a `PT_LOAD` after the first of them. */
export function fileWith(types: readonly number[]): Uint8Array<ArrayBuffer> {
  const others = types.map((p_type): SegmentSpec => ({ p_type, p_vaddr: 0x40_0000n, filesz: 0x10, p_align: 1n }));
  return buildElf({ segments: [...others.slice(0, 1), { filesz: 0x100 }, ...others.slice(1)] });
}

/** A plugin that writes down which headers it meets; its result is true. */
export function writer(
  name: string,
  claims: readonly [type: number, phase?: Handler<true>["phase"]][],
  log: string[],
  dependsOn?: readonly string[],
): Plugin<string, true> {
  const handlers = claims.map(([type, phase]): Handler<true> => ({
    type,
    ...(phase ? { phase } : {}),
    handle: ({ index }) => {
      log.push(`${name} ${phase ?? "load"} ${index}`);
      return true;
    },
  }));
  return { name, handlers, ...(dependsOn ? { dependsOn } : {}) };
}
