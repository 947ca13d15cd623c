/** One call of each function of boot/ that maps something, with random options, and what it must have mapped. */

import { type BootInfo, writeBootInfo } from "../../boot/boot_info.ts";
import { addContextSwitch, type ContextSwitch } from "../../boot/context_switch.ts";
import { addDirectMap, type DirectMap } from "../../boot/direct_map.ts";
import { addFramebuffer, type Framebuffer } from "../../boot/framebuffer.ts";
import { addIdentityMap } from "../../boot/identity_map.ts";
import { addKernelStack, type KernelStack } from "../../boot/kernel_stack.ts";
import { addRamdisk, type Ramdisk } from "../../boot/ramdisk.ts";
import { addRecursiveEntry, type RecursiveEntry } from "../../boot/recursive_entry.ts";
import type { LoadedKernel } from "../../mod.ts";
import type { Complain } from "./compare.ts";
import type { Random } from "./random.ts";
import type { Setup } from "./setup.ts";
import type { Leaf } from "./walker.ts";

const PAGE = 4096;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** The kernel, and what was added to it so far. */
export interface Bootstate {
  readonly kernel: LoadedKernel;
  readonly setup: Setup;
  readonly random: Random;
  stack?: KernelStack;
  info?: BootInfo;
  entry?: ContextSwitch;
  directMap?: DirectMap;
  recursive?: RecursiveEntry;
  framebuffer?: Framebuffer;
  ramdisk?: Ramdisk;
}

/** Pages that a call mapped, by their addresses. */
type Added = ReadonlyMap<bigint, Leaf>;

/** A call. */
export interface Step {
  readonly name: string;
  /** Whether all pages that it maps have frames that were free. */
  readonly takesFrames: boolean;
  /** Calls the function; returns a check of the pages that it mapped. */
  readonly run: (state: Bootstate) => (added: Added, complain: Complain) => void;
}

/** An address for an option: none, a free one, or one that is likely to be in use. */
function chooseAddress({ random, kernel, recursive }: Bootstate, size: number): { readonly address?: bigint } {
  if (random.chance(0.5)) return {};
  const index = BigInt(recursive && random.chance(0.1) ? recursive.index : 1 + random.below(510));
  const free = BigInt.asUintN(64, BigInt.asIntN(48, index << 39n));
  const address = random.pick([
    ...[free, free + 0x1f_f000n, free + 0x20_0000n, free + 0x4000_0000n, 0n, kernel.entryPoint & ~0xfffn],
    ...[(1n << 47n) - 0x1000n, (1n << 47n) - 0x20_0000n, 0xffff_8000_0000_0000n, (1n << 64n) - 0x1000n],
  ]);
  const end = address < 1n << 47n ? 1n << 47n : 1n << 64n;
  return address + BigInt(size) > end ? {} : { address };
}

/** Checks that exactly these pages were mapped, as data, onto the given frames if those are known. */
function checkData(added: Added, virt: bigint, size: number, phys: number | undefined, complain: Complain): void {
  let bytes = 0;
  for (const [at, leaf] of added) {
    if (at < virt || at + BigInt(leaf.size) > virt + BigInt(size)) complain(`mapped ${hex(at)} too`);
    if (!leaf.writable || leaf.executable) complain(`the page at ${hex(at)} is not for data`);
    if (phys !== undefined && leaf.phys !== phys + Number(at - virt)) {
      complain(`${hex(at)} has the frame ${hex(leaf.phys)}`);
    }
    bytes += leaf.size;
  }
  if (bytes !== size) complain(`mapped ${bytes} bytes instead of ${size}`);
}

const pageUp = (size: number): number => Math.ceil(size / PAGE) * PAGE;

const STACK: Step = {
  name: "addKernelStack",
  takesFrames: true,
  run: (state) => {
    const { random, kernel } = state;
    const size = random.pick([16, 100, PAGE, 0x4000, 0x1_4000, 16 + random.below(0x8000)]);
    const guardPage = random.chance(0.7);
    const options = { size, guardPage, ...chooseAddress(state, pageUp(size) + PAGE) };
    const stack = addKernelStack(kernel, options);
    state.stack = stack;
    return (added, complain) => {
      checkData(added, stack.bottom, pageUp(size), undefined, complain);
      if (guardPage !== (stack.guardPage === stack.bottom - BigInt(PAGE))) complain("the guard page is elsewhere");
      if (stack.top % 16n !== 0n || stack.top > stack.bottom + BigInt(size)) complain(`its top is ${hex(stack.top)}`);
      if (kernel.read(stack.bottom, size).some((byte) => byte !== 0)) complain("the stack is not zeroed");
    };
  },
};

const PAGE_SIZES = [0x1000, 0x20_0000, 0x4000_0000] as const;

/** A number of bytes from physical address 0; none to map all of the memory. */
function chooseMapSize({ random }: Bootstate): { readonly size?: number } {
  if (random.chance(0.3)) return {};
  return { size: random.pick([PAGE, 0x20_0000, 0x40_3000, 0x4000_0000, 0x1_0020_1000]) };
}

/** The largest pages: small ones only where not many are needed. */
function chooseLargest(random: Random, size: number): { readonly largestPage?: (typeof PAGE_SIZES)[number] } {
  if (random.chance(0.5) || size > 2 ** 33) return {};
  return { largestPage: size > 2 ** 23 ? random.pick([0x20_0000, 0x4000_0000]) : random.pick(PAGE_SIZES) };
}

const DIRECT_MAP: Step = {
  name: "addDirectMap",
  takesFrames: false,
  run: (state) => {
    const { kernel, random } = state;
    const chosen = chooseMapSize(state);
    const { size = kernel.memory.base + kernel.memory.size } = chosen;
    const options = { ...chosen, ...chooseLargest(random, size) };
    const { address } = chooseAddress(state, size);
    // An address that allows only small pages would need very many of them.
    const isCoarse = size <= 2 ** 23 || (address ?? 0n) % (size > 2 ** 33 ? 0x4000_0000n : 0x20_0000n) === 0n;
    const directMap = addDirectMap(kernel, isCoarse && address !== undefined ? { ...options, address } : options);
    state.directMap = directMap;
    return (added, complain) => checkData(added, directMap.offset, size, 0, complain);
  },
};

const IDENTITY_MAP: Step = {
  name: "addIdentityMap",
  takesFrames: false,
  run: (state) => {
    const { kernel, random } = state;
    const chosen = chooseMapSize(state);
    const { size = kernel.memory.base + kernel.memory.size } = chosen;
    const { leftOut } = addIdentityMap(kernel, { ...chosen, ...chooseLargest(random, size) });
    return (added, complain) => {
      let bytes = 0;
      for (const [virt, leaf] of added) {
        if (virt !== BigInt(leaf.phys) || !leaf.writable || leaf.executable) {
          complain(`the page at ${hex(virt)} is wrong`);
        }
        bytes += leaf.size;
      }
      if (bytes + leftOut !== size) complain(`mapped ${bytes} bytes, and left out ${leftOut} of ${size}`);
    };
  },
};

const RECURSIVE: Step = {
  name: "addRecursiveEntry",
  takesFrames: false,
  run: (state) => {
    const { kernel, random } = state;
    const recursive = addRecursiveEntry(kernel, random.chance(0.5) ? {} : { index: 1 + random.below(511) });
    state.recursive = recursive;
    return (added, complain) => {
      const bytes = kernel.memory.bytes(kernel.level4Frame + recursive.index * 8, 8);
      const entry = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      if (entry !== (BigInt(kernel.level4Frame) | 3n | 1n << 63n)) complain(`the entry is ${hex(entry)}`);
      if (added.size > 0) complain("mapped pages");
    };
  },
};

/** A range of physical memory: of a device, of free memory, or of anything. */
function chooseRange({ random, kernel }: Bootstate): { readonly phys: number; readonly size: number } {
  const { base, size } = kernel.memory;
  const start = random.pick([0xfd00_0000, 0xa_0000, base + random.below(size), base + size, kernel.nextFrame]);
  const phys = Math.min(start + random.below(2) * random.below(PAGE), 2 ** 52 - 1);
  return { phys, size: Math.min(1 + random.below(0x1_0000), 2 ** 52 - phys) };
}

function checkRange(
  added: Added,
  { virt, phys, size }: Framebuffer | Ramdisk,
  complain: Complain,
): void {
  const within = phys % PAGE;
  checkData(added, virt - BigInt(within), pageUp(within + size), phys - within, complain);
}

const FRAMEBUFFER: Step = {
  name: "addFramebuffer",
  takesFrames: false,
  run: (state) => {
    const range = chooseRange(state);
    const framebuffer = addFramebuffer(state.kernel, { ...range, ...chooseAddress(state, range.size + 2 * PAGE) });
    state.framebuffer = framebuffer;
    return (added, complain) => checkRange(added, framebuffer, complain);
  },
};

const RAMDISK_RANGE: Step = {
  name: "addRamdisk of a range",
  takesFrames: false,
  run: (state) => {
    const range = chooseRange(state);
    const ramdisk = addRamdisk(state.kernel, { ...range, ...chooseAddress(state, range.size + 2 * PAGE) });
    return (added, complain) => checkRange(added, ramdisk, complain);
  },
};

const RAMDISK_BYTES: Step = {
  name: "addRamdisk of bytes",
  takesFrames: true,
  run: (state) => {
    const { random, kernel } = state;
    const bytes = random.bytes(1 + random.below(random.pick([20, 0x5000, 0x2_0000])));
    const ramdisk = addRamdisk(kernel, { bytes, ...chooseAddress(state, pageUp(bytes.length)) });
    return (added, complain) => {
      checkData(added, ramdisk.virt, pageUp(bytes.length), undefined, complain);
      if (kernel.read(ramdisk.virt, bytes.length).some((byte, at) => byte !== bytes[at])) {
        complain("it has other bytes");
      }
    };
  },
};

const BOOT_INFO: Step = {
  name: "writeBootInfo",
  takesFrames: true,
  run: (state) => {
    const { kernel, stack, directMap, recursive, framebuffer, ramdisk, random } = state;
    const given = random.chance(0.7) ? { stack, directMap, recursive, framebuffer, ramdisk } : {};
    const info = writeBootInfo(kernel, { ...given, ...chooseAddress(state, 0x8000) });
    state.info = info;
    return (added, complain) => {
      checkData(added, info.address, info.size, undefined, complain);
      const version = [...kernel.read(info.address, 6)].join();
      if (version !== "0,0,11,0,16,0") complain(`its version is ${version}`);
      let end = 0;
      for (const { start, end: next } of info.regions) {
        if (start < end || next <= start) complain("its regions overlap or descend");
        end = next;
      }
    };
  },
};

const CONTEXT_SWITCH: Step = {
  name: "addContextSwitch",
  takesFrames: true,
  run: (state) => {
    const { kernel, stack, info } = state;
    const entry = addContextSwitch(kernel, { stack, info });
    state.entry = entry;
    return (added, complain) => {
      const leaf = added.get(BigInt(entry.page));
      if (added.size !== 1 || leaf?.phys !== entry.page) complain("its page is not at its physical address");
      if (leaf?.writable || !leaf?.executable) complain("its page is not for code");
      if (entry.entry32 < entry.page || entry.entry32 >= entry.page + PAGE) complain("its entry lies elsewhere");
    };
  },
};

/** Every call. */
export const BOOT_STEPS: readonly Step[] = [
  ...[STACK, DIRECT_MAP, IDENTITY_MAP, RECURSIVE, FRAMEBUFFER],
  ...[RAMDISK_RANGE, RAMDISK_BYTES, BOOT_INFO, CONTEXT_SWITCH],
];
