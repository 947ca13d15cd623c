/**
 * Hands a loaded kernel over to an emulator: its memory, and the registers that it starts with. Here, the emulator is
 * reduced to its first step, fetching an instruction through the page tables. Run it with
 *
 *     deno run --allow-read examples/emulator.ts [kernel.elf]
 */

import { loadKernel, physicalMemory } from "@kload/kload";
import { writeBootInfo } from "@kload/kload/boot/boot-info";
import { addContextSwitch } from "@kload/kload/boot/context-switch";
import { cpuState } from "@kload/kload/boot/cpu-state";
import { addKernelStack } from "@kload/kload/boot/kernel-stack";
import { relocate } from "@kload/kload/plugins/relocate";

// The emulator allocates its own memory, and the kernel is loaded right into it. Shared memory can be passed to a
// worker.
const ram = new SharedArrayBuffer(64 * 2 ** 20);
const memory = physicalMemory({ base: 0, buffer: ram });

const path = Deno.args[0] ?? new URL("./hello/hello.elf", import.meta.url);
using file = await Deno.open(path);
const kernel = await loadKernel(file, { memory, plugins: [relocate()] });

// The steps between loading and jumping; each takes the results that it needs.
const stack = addKernelStack(kernel);
const info = writeBootInfo(kernel, { stack });
const entry = addContextSwitch(kernel, { stack, info });

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const { cr0, cr3, cr4, efer, rip, rsp, rdi, gdt, cs, ds } = cpuState(kernel, { stack, info, entry });
for (const [name, value] of Object.entries({ cr0, cr3, cr4, efer, rip, rsp, rdi, cs, ds })) {
  console.log(name.padEnd(5), hex(value));
}
console.log("gdtr ", hex(gdt.base), "limit", hex(gdt.limit));

const PRESENT = 1n;
const HUGE = 1n << 7n;
const NO_EXECUTE = 1n << 63n;
const FRAME = 0xf_ffff_ffff_f000n; // bits 12 to 51

/** Walks the page tables as a processor does: four tables, each indexed by nine bits of the address. */
function physicalOf(virt: bigint): number {
  const words = new DataView(ram);
  let table = cr3;
  for (const shift of [39n, 30n, 21n, 12n]) {
    const entry = words.getBigUint64(Number(table + 8n * ((virt >> shift) & 511n)), true);
    if ((entry & PRESENT) === 0n) throw new Error(`page fault at ${hex(virt)}: not present`);
    if ((entry & NO_EXECUTE) !== 0n) throw new Error(`page fault at ${hex(virt)}: not executable`);
    if (shift === 12n || (entry & HUGE) !== 0n) {
      const offset = virt & ((1n << shift) - 1n);
      return Number((entry & FRAME & ~((1n << shift) - 1n)) | offset);
    }
    table = entry & FRAME;
  }
  throw new Error("four tables were read");
}

/** Fetches 15 bytes, the length of the longest instruction. */
function fetch(address: bigint): Uint8Array {
  return Uint8Array.from({ length: 15 }, (_, index) => new Uint8Array(ram)[physicalOf(address + BigInt(index))]);
}

const bytes = Array.from(fetch(rip), (byte) => byte.toString(16).padStart(2, "0"));
console.log(`fetch ${hex(rip)}: ${bytes.join(" ")}`);
