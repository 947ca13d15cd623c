/**
 * The plugin context-switch: the page that a processor goes through to enter the kernel, with descriptors and a
 * trampoline. It lies at the same address before paging is turned on and after.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import { hexAddr } from "../core/hex.ts";
import { PRESENT } from "../core/paging/entry.ts";
import { mapBeside } from "../core/address_space/map_beside.ts";
import type { Plugin } from "../core/plugin/plugin.ts";
import type { Checked, ImageStage, Loading } from "../core/pipeline/stage.ts";
import { CODE_SELECTOR, DATA_SELECTOR, encodeTrampoline, GDT_LIMIT } from "./context_switch/trampoline.ts";

/** Where the page and its parts are. */
export interface ContextSwitch {
  /** Physical and virtual address of the page. */
  readonly page: number;
  /**
   * Physical address of the trampoline. It is entered in 32-bit protected mode, with flat segments and without paging, as
   * Multiboot and PVH do it; it changes all general registers.
   */
  readonly entry32: number;
  /** The global descriptor table: its address, and the offset of its last byte. */
  readonly gdt: { readonly base: bigint; readonly limit: number };
  /** Selector of the 64-bit code segment. */
  readonly codeSelector: number;
  /** Selector of the data segment. */
  readonly dataSelector: number;
}

/** What the plugin context-switch adds. */
export interface ContextSwitchAdded {
  /** The page. */
  readonly contextSwitch: ContextSwitch;
}

/** What the stage of the plugin context-switch needs, and what it passes on where other plugins have added it. */
export type ContextSwitchNeeds = Checked & Loading & {
  /** The stack: RSP starts 8 bytes below its top, as behind a call; 0 without a stack. */
  readonly kernelStack?: { readonly top: bigint };
  /** The boot information: RDI gets its address; 0 without it. */
  readonly bootInfo?: { readonly address: bigint; readonly update: () => void };
};

/** The plugin context-switch. */
export type ContextSwitchPlugin = Plugin<
  "context-switch",
  never,
  readonly [{
    readonly after: "l4-usage";
    readonly stage: ImageStage<ContextSwitchNeeds, ContextSwitchAdded, "context-switch">;
  }]
>;

const REACH = 2 ** 32; // what 32-bit code can address

/**
 * Makes the plugin context-switch. It stands behind kernel-stack and boot-info. Its page is a fresh frame, mapped
 * executable and not writable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { contextSwitch } from "@kload/kload/plugins/context-switch";
 * import { kernelStack } from "@kload/kload/plugins/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const file = await Deno.readFile("examples/hello/hello.elf");
 * const kernel = await loadKernel(file, { plugins: [kernelStack(), contextSwitch()] });
 * const { page, entry32 } = kernel.results["context-switch"].contextSwitch;
 * const cli = kernel.memory.bytes(entry32, 1)[0];
 * assertEquals([cli, kernel.read(BigInt(entry32), 1)[0]], [0xfa, 0xfa]);
 * assertEquals(kernel.frameRuns().some(({ phys }) => phys === page), true);
 * ```
 *
 * @returns The plugin. The load fails with a `LoadError` "page-already-mapped" where the kernel itself is mapped at the
 * page's address, and "plugin-failed" where the page or the level-4 table does not lie below 4 GiB.
 */
export function contextSwitch(): ContextSwitchPlugin {
  return {
    name: "context-switch",
    stages: [{
      after: "l4-usage",
      stage: {
        name: "context-switch",
        needs: ["segments", "entryPoint", "memory", "frames", "pageTable"],
        adds: ["contextSwitch"],
        run: (context) => {
          const page = identityPage(context);
          const { kernelStack, bootInfo, entryPoint, memory, pageTable: { level4Frame } } = context;
          const trampoline = encodeTrampoline({
            page,
            cr3: level4Frame,
            rip: entryPoint,
            rsp: kernelStack ? kernelStack.top - 8n : 0n,
            rdi: bootInfo?.address ?? 0n,
          });
          memory.bytes(page, trampoline.bytes.length).set(trampoline.bytes);
          bootInfo?.update(); // this stage has taken frames
          return {
            contextSwitch: {
              page,
              entry32: page + trampoline.entry32,
              gdt: { base: BigInt(page), limit: GDT_LIMIT },
              codeSelector: CODE_SELECTOR,
              dataSelector: DATA_SELECTOR,
            },
          };
        },
      },
    }],
  };
}

/** Takes a frame and maps it at its own address: the next one, or where the kernel is in the way, one below the file. */
function identityPage({ segments, frames, pageTable }: ContextSwitchNeeds): number {
  checkReach("the level-4 table", pageTable.level4Frame);
  const isFree = (phys: number) => phys > 0 && phys < REACH && !pageTable.translate(BigInt(phys)).mapped;
  const below = isFree(frames.nextFrame) ? undefined : frames.claimBelow(REACH, "context-switch", isFree);
  const page = below ?? frames.allocateRun(1, "context-switch")?.phys;
  if (page === undefined) {
    throw new LoadError("frames-exhausted", { field: "frames left for the context switch", value: 0 });
  }
  checkReach("the context switch's page", page);
  mapBeside("the context switch's page, at its physical address", segments, () => {
    pageTable.mapTo(BigInt(page), page, PRESENT);
  });
  return page;
}

function checkReach(what: string, phys: number): void {
  if (phys < REACH) return;
  throw new RangeError(`Cannot enter the kernel from 32-bit code: ${what} is at ${hexAddr(phys)}, not below 4 GiB`);
}
