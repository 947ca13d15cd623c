/**
 * `kload walk`, with its flags.
 *
 * @module
 */

import type { Command } from "./flag.ts";
import { FOREIGN_FLAGS } from "./foreign_tables.ts";
import { BOOT_FLAGS, COLOR_FLAGS, JSON_FLAG, KERNEL_FLAGS, MEMORY_FLAGS, QUIET } from "./shared_flags.ts";

/** `kload walk` and its flags. */
export const WALK: Command = {
  name: "walk",
  summary: "Say what is at an address of a kernel, and why: the walk through its page tables, bit by bit",
  about: `Loads a kernel as kload load does, walks its page tables to an address as the processor does, and says what
is there: each entry with its bits, which level denies what, the frame, the bytes or instructions, and the place in the
file. The address is a number, a symbol of the file, or a symbol with an offset, such as main+0x10. With --memory or
--gdb, it walks the page tables in a memory dump or of a running QEMU; FILE then only supplies names, and can be left
out.`,
  flags: [
    {
      name: "physical",
      text: "Take ADDRESS as physical: list the virtual addresses that map it, and what its frame is for",
    },
    {
      name: "limit",
      value: "NUMBER",
      text: "List at most this many virtual addresses with --physical",
      fallback: "16",
    },
    { name: "as-run", text: "Add what kload run adds to the kernel: a stack, boot information, the context switch" },
    ...FOREIGN_FLAGS,
    ...KERNEL_FLAGS,
    ...MEMORY_FLAGS,
    ...BOOT_FLAGS,
    JSON_FLAG,
    { ...QUIET, text: "Print no report and no progress; with --json, still print the object" },
    { name: "verbose", short: "v", text: "Also print what each bit of the entries means" },
    ...COLOR_FLAGS,
  ],
  operands: { names: ["FILE", "ADDRESS"], fewest: 1, usage: "FILE ADDRESS" },
  status: "0 the question was answered, whether a page is mapped there or not, 1 the file was refused or cannot be " +
    "read, 2 wrong usage or no such symbol, 130 interrupted (129 by SIGHUP, 143 by SIGTERM)",
  examples: [
    ["kload walk kernel.elf 0xffffffff80000000", "what is at an address, and why"],
    ["kload walk kernel.elf kernel_main+0x10 -v", "in a function, with the meaning of every bit"],
    ["kload walk pie.elf _start --kernel-base 0xffffffff80000000", "in a kernel that is loaded elsewhere"],
    ["kload walk kernel.elf 0xb8000 --identity", "as kload run --identity maps it"],
    ["kload walk kernel.elf 0x200000 --physical", "every virtual address of a physical one"],
    ["kload walk kernel.elf kernel_main --gdb localhost:1234", "on the page tables that a running kernel uses"],
    ["kload walk 0xb8000 --memory memory.bin --cr3 0x1000", "on the page tables in a memory dump"],
  ],
};
