/**
 * The context switch: a page with descriptors and a trampoline, through which a processor enters the kernel. Its
 * address is the same before and after paging is turned on.
 *
 * @module
 */

import { LoadError } from "../core/errors.ts";
import type { LoadedKernel } from "../core/loaded_kernel.ts";
import { PAGE_SIZE } from "../core/memory/addresses.ts";
import { PRESENT } from "../core/paging/entry.ts";
import { checkKeys, outOfBounds, wrongKind } from "../core/pipeline/settings.ts";
import type { BootInfo } from "./boot_info.ts";
import { RAMFB_LIMITS, type Screen } from "./context_switch/ramfb.ts";
import { CODE_SELECTOR, DATA_SELECTOR, encodeTrampoline, GDT_LIMIT } from "./context_switch/trampoline.ts";
import type { Framebuffer } from "./framebuffer.ts";
import type { KernelStack } from "./kernel_stack.ts";
import { checkKernel, checkResult } from "./pages/options.ts";
import { tableBytes } from "./pages/table_bytes.ts";

/** Where the page and its parts are. */
export interface ContextSwitch {
  /** Physical and virtual address of the page. */
  readonly page: number;
  /**
   * Physical address of the trampoline. It is entered in 32-bit protected mode with flat segments and without paging,
   * as by Multiboot and PVH, and changes all general-purpose registers.
   */
  readonly entry32: number;
  /** The global descriptor table: its address, and the offset of its last byte. */
  readonly gdt: { readonly base: bigint; readonly limit: number };
  /** Selector of the 64-bit code segment. */
  readonly codeSelector: number;
  /** Selector of the data segment. */
  readonly dataSelector: number;
}

/** What to enter the kernel with. */
export interface ContextSwitchOptions {
  /**
   * The stack, as `addKernelStack` returned it. RSP starts 8 bytes below its top, as after a call; without a stack it
   * is 0.
   */
  readonly stack?: KernelStack;
  /** The boot information, as `writeBootInfo` returned it; it is updated. RDI gets its address; without it RDI is 0. */
  readonly info?: BootInfo;
  /**
   * A framebuffer in memory, as `addFramebuffer` returned it, for QEMU's device ramfb (`-device ramfb`) to show. It
   * must have 4 bytes per pixel and the format "bgr". Without the device, nothing shows it.
   */
  readonly ramfb?: Framebuffer;
}

const REACH = 2 ** 32; // what 32-bit code can address
const FIRMWARE_END = 2 ** 20;

/**
 * Adds the page that leads into the kernel: a fresh frame, mapped at its physical address, executable and not writable.
 *
 * @example
 * ```ts
 * import { loadKernel } from "@kload/kload";
 * import { addContextSwitch } from "@kload/kload/boot/context-switch";
 * import { addKernelStack } from "@kload/kload/boot/kernel-stack";
 * import { assertEquals } from "@std/assert";
 *
 * const kernel = await loadKernel(await Deno.readFile("examples/hello/hello.elf"));
 * const stack = addKernelStack(kernel);
 * const { page, entry32 } = addContextSwitch(kernel, { stack });
 * const cli = kernel.memory.bytes(entry32, 1)[0];
 * assertEquals([cli, kernel.read(BigInt(entry32), 1)[0]], [0xfa, 0xfa]);
 * assertEquals(kernel.frameRuns().some(({ phys }) => phys === page), true);
 * ```
 *
 * @param kernel The kernel.
 * @param options Its stack, its boot information, and a framebuffer for ramfb.
 * @returns Where the page is.
 * @throws {LoadError} "page-already-mapped" if something is already mapped at the page's address, "not-bootable" if the
 * page or the level-4 table does not lie below 4 GiB, or "frames-exhausted".
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If ramfb does not support a framebuffer of this size.
 */
export function addContextSwitch(
  kernel: Pick<LoadedKernel, "addressSpace" | "entryPoint">,
  options: ContextSwitchOptions = {},
): ContextSwitch {
  checkKernel(kernel, ["addressSpace", "entryPoint"]);
  const ramfb = checkOptions(options);
  const { stack, info } = options;
  const { memory, pageTable: { level4Frame } } = kernel.addressSpace;
  const page = identityPage(kernel);
  const { bytes, entry32 } = encodeTrampoline({
    page,
    cr3: level4Frame,
    rip: kernel.entryPoint,
    rsp: stack ? stack.top - 8n : 0n,
    rdi: info?.address ?? 0n,
    ramfb,
  });
  memory.bytes(page, bytes.length).set(bytes);
  info?.update(); // the page and its tables are in use now
  return Object.freeze({
    page,
    entry32: page + entry32,
    gdt: Object.freeze({ base: BigInt(page), limit: GDT_LIMIT }),
    codeSelector: CODE_SELECTOR,
    dataSelector: DATA_SELECTOR,
  });
}

/**
 * Returns the most bytes of memory that {@linkcode addContextSwitch} takes, including page tables, for the load's
 * `reserve`.
 *
 * @returns A number of bytes.
 */
export function contextSwitchBytes(): number {
  return PAGE_SIZE + tableBytes([{ size: PAGE_SIZE }]);
}

/** Takes a frame and maps it at its own address: the next frame or, if that address is not free, one below the file. */
function identityPage({ addressSpace }: Pick<LoadedKernel, "addressSpace">): number {
  const { frames, pageTable } = addressSpace;
  checkReach("the level-4 table", pageTable.level4Frame);
  const what = "the context switch's page, at its physical address";
  const isFree = (phys: number) => phys > 0 && phys < REACH && !pageTable.translate(BigInt(phys)).mapped;
  const isAboveFirmware = (phys: number) => phys >= FIRMWARE_END && isFree(phys);
  const claim = () =>
    frames.claimBelow(REACH, "context-switch", isAboveFirmware) ?? frames.claimBelow(REACH, "context-switch", isFree);
  const { nextFrame: next, framesLeft } = frames;
  const claimed = isFree(next) ? undefined : claim();
  if (claimed === undefined && framesLeft !== undefined) { // such an allocator is known to hand out the next frame
    checkReach("the context switch's page", next);
    if (framesLeft <= addressSpace.missingTables(BigInt(next), { what })) throw exhausted();
  }
  const page = claimed ?? frames.allocateRun(1, "context-switch")?.phys;
  if (page === undefined) throw exhausted();
  checkReach("the context switch's page", page);
  addressSpace.map(BigInt(page), page, PRESENT, { what });
  return page;
}

function exhausted(): LoadError {
  return new LoadError("frames-exhausted", { field: "the context switch's page", value: PAGE_SIZE });
}

function checkReach(field: string, value: number): void {
  if (value >= REACH) throw new LoadError("not-bootable", { field, value, limit: REACH });
}

function checkOptions(options: ContextSwitchOptions): Screen | undefined {
  checkKeys(options, ["stack", "info", "ramfb"]);
  const { stack, info, ramfb } = options;
  checkResult("stack", stack, "addKernelStack()");
  checkResult("info", info, "writeBootInfo()");
  checkResult("ramfb", ramfb, "addFramebuffer()");
  if (ramfb === undefined) return undefined;
  const { phys, info: pixels } = ramfb;
  if (pixels?.pixelFormat !== "bgr" || pixels.bytesPerPixel !== 4) {
    throw wrongKind("ramfb", ramfb, 'its info must have 4 bytes per pixel and the format "bgr"');
  }
  for (const side of ["width", "height"] as const) {
    const { least, [side]: most } = RAMFB_LIMITS;
    if (pixels[side] >= least && pixels[side] <= most) continue;
    throw outOfBounds(`ramfb.info.${side}`, pixels[side], `QEMU supports ${least} to ${most} pixels`);
  }
  return { phys, info: pixels };
}
