/**
 * The parts that a kernel gets besides its segments, in an order in which each can use those before it, and the memory
 * that they take.
 *
 * @module
 */

import { bootInfoBytes, writeBootInfo } from "../../boot/boot_info.ts";
import { addContextSwitch, contextSwitchBytes } from "../../boot/context_switch.ts";
import { addDirectMap, directMapBytes } from "../../boot/direct_map.ts";
import { addFramebuffer, type Framebuffer, framebufferBytes, type FramebufferInfo } from "../../boot/framebuffer.ts";
import { addIdentityMap } from "../../boot/identity_map.ts";
import { addKernelStack, DEFAULT_STACK_SIZE, kernelStackBytes } from "../../boot/kernel_stack.ts";
import { addRamdisk, ramdiskBytes } from "../../boot/ramdisk.ts";
import { PT_GNU_STACK } from "../../core/elf/constants.ts";
import { alignUp, low48, LOW48_HIGHER_HALF, PAGE_SIZE } from "../../core/memory/addresses.ts";
import { type AnyPlugin, LoadError, type Segment } from "../../mod.ts";
import type { Bootable } from "../report/bootable.ts";
import type { Kernel } from "../report/kernel.ts";
import { type BootPlan, BYTES_PER_PIXEL, DEVICES_END, MEMORY_BASE } from "./boot_plan.ts";

/** The largest page size of the maps: not every processor supports 1 GiB pages. */
const LARGEST_PAGE = 0x20_0000;

/**
 * Adds all parts to a kernel, in the order that they need.
 *
 * @param kernel The kernel.
 * @param plan What it is to get.
 * @returns The kernel with its parts.
 * @throws {LoadError} If one of them does not fit.
 */
export function addBootParts(kernel: Kernel, plan: BootPlan): Bootable {
  const { physicalMemory, identity, framebuffer: resolution, ramdisk: bytes } = plan;
  const { base, size: memorySize } = kernel.memory;
  const maps = { size: base + memorySize > DEVICES_END ? undefined : DEVICES_END, largestPage: LARGEST_PAGE } as const;

  const stack = addKernelStack(kernel, { size: stackSize(kernel, plan) });
  const directMap = physicalMemory && addDirectMap(kernel, { ...maps, address: physicalMemory.address });
  const framebuffer = resolution && addScreen(kernel, resolution);
  const ramdisk = bytes && addRamdisk(kernel, { bytes });
  const info = writeBootInfo(kernel, { stack, directMap, framebuffer, ramdisk });
  const entry = addContextSwitch(kernel, { stack, info, ramfb: framebuffer });
  const identityMap = identity ? addIdentityMap(kernel, maps) : undefined;
  info.update(); // the memory map must include the identity map's page tables
  return { kernel, stack, directMap, framebuffer, ramdisk, info, entry, identityMap };
}

/**
 * A plugin that handles nothing, but requests memory for the parts: the stack's size is known only from the program
 * headers.
 *
 * @param plan What the kernel is to get.
 * @returns The plugin.
 */
export function memoryForParts(plan: BootPlan): AnyPlugin {
  const { physicalMemory, identity, framebuffer, ramdisk, maxMemory } = plan;
  const end = Math.max(DEVICES_END, MEMORY_BASE + alignUp(maxMemory));
  const parts = [
    physicalMemory ? mapBytes(end, physicalMemory.address) : 0,
    framebuffer ? screenBytes(framebuffer) : 0,
    ramdisk ? ramdiskBytes({ bytes: ramdisk }) : 0,
    bootInfoBytes(),
    contextSwitchBytes(),
    identity ? mapBytes(end, 0n) : 0,
  ];
  return {
    name: "memory-for-parts",
    takes: ({ segments }) => {
      const size = plan.stackSize ?? hintedSize(segments.findLast(asksForStack), maxMemory);
      return parts.reduce((sum, bytes) => sum + bytes, kernelStackBytes({ size }));
    },
  };
}

/** Upper bound on the bytes that a map of physical memory takes. */
function mapBytes(end: number, address: bigint = 0n): number {
  const size = Math.min(end, LOW48_HIGHER_HALF - low48(address) % LOW48_HIGHER_HALF);
  return directMapBytes({ size, address, largestPage: LARGEST_PAGE });
}

/** The size of the stack: the user's choice, or what the file asks for. */
function stackSize({ results, programHeaders }: Kernel, { stackSize, maxMemory }: BootPlan): number {
  const { stack } = results as { readonly stack?: { readonly sizeHint?: bigint } };
  if (stackSize !== undefined) return stackSize;
  const index = programHeaders.findLast(({ p_type, p_memsz }) => p_type === PT_GNU_STACK && p_memsz > 0n)?.index;
  return hintedSize(stack?.sizeHint === undefined ? undefined : { index, p_memsz: stack.sizeHint }, maxMemory);
}

/** Whether a header asks for a certain stack size, and a plugin claims it. */
function asksForStack({ p_type, p_memsz, claim }: Segment): boolean {
  return p_type === PT_GNU_STACK && p_memsz > 0n && claim !== undefined;
}

function hintedSize(header: { readonly index?: number; readonly p_memsz: bigint } | undefined, limit: number): number {
  if (header === undefined) return DEFAULT_STACK_SIZE;
  const { index, p_memsz: value } = header;
  if (value <= limit) return Math.max(Number(value), PAGE_SIZE);
  const field = "p_memsz, the requested stack size,";
  throw new LoadError("memory-limit-exceeded", { ...(index === undefined ? {} : { index }), field, value, limit });
}

/** Adds a framebuffer in memory; the context switch configures QEMU's ramfb to show it. */
function addScreen(kernel: Kernel, { width, height }: NonNullable<BootPlan["framebuffer"]>): Framebuffer {
  const info: FramebufferInfo = {
    width,
    height,
    pixelFormat: "bgr",
    bytesPerPixel: BYTES_PER_PIXEL,
    stride: width,
  };
  const size = width * height * BYTES_PER_PIXEL;
  const phys = kernel.addressSpace.allocateFrames(alignUp(size) / PAGE_SIZE, "framebuffer");
  return addFramebuffer(kernel, { phys, size, info });
}

function screenBytes({ width, height }: NonNullable<BootPlan["framebuffer"]>): number {
  const size = width * height * BYTES_PER_PIXEL;
  return alignUp(size) + framebufferBytes({ phys: 0, size });
}
