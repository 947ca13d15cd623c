/** What functions on a loaded kernel say if they get something else. */

import { assertEquals, assertThrows } from "@std/assert";
import { writeBootInfo } from "../../boot/boot_info.ts";
import { addContextSwitch } from "../../boot/context_switch.ts";
import { coreDump } from "../../boot/core_dump.ts";
import { cpuState } from "../../boot/cpu_state.ts";
import { addDirectMap } from "../../boot/direct_map.ts";
import { addFramebuffer } from "../../boot/framebuffer.ts";
import { addIdentityMap } from "../../boot/identity_map.ts";
import { bootImage, imageMemory } from "../../boot/image.ts";
import { addKernelStack } from "../../boot/kernel_stack.ts";
import { addRamdisk } from "../../boot/ramdisk.ts";
import { addRecursiveEntry } from "../../boot/recursive_entry.ts";
import { usedRegions } from "../../boot/regions.ts";

type OnKernel = (kernel: never, options: never) => unknown;

const FUNCTIONS: readonly OnKernel[] = [
  ...[writeBootInfo, addContextSwitch, coreDump, cpuState, addDirectMap, addFramebuffer, addIdentityMap, bootImage],
  ...[imageMemory, addKernelStack, addRamdisk, addRecursiveEntry, usedRegions] as readonly OnKernel[],
];

for (const work of FUNCTIONS) {
  Deno.test(`${work.name}() says that it wants a loaded kernel`, () => {
    const messageFor = (kernel: unknown) => assertThrows(() => work(kernel as never, {} as never), TypeError).message;
    assertEquals(messageFor(Promise.resolve({})), "Cannot use a promise as the kernel: await it first");
    assertEquals(messageFor(undefined), "Cannot use undefined as the kernel: pass what loadKernel() returns");
    assertEquals(messageFor("a.elf"), 'Cannot use the string "a.elf" as the kernel: pass what loadKernel() returns');
    const message = /^Cannot use an object as the kernel: it has no [a-zA-Z0-9]+; pass what loadKernel\(\) returns$/;
    assertEquals(messageFor({}).match(message)?.length, 1, messageFor({}));
  });
}
