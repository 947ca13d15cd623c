/**
 * `kload diff`, with its flags.
 *
 * @module
 */

import type { Command, Flag } from "./flag.ts";
import { FOREIGN_FLAGS } from "./foreign_tables.ts";
import { BOOT_FLAGS, COLOR_FLAGS, JSON_FLAG, KERNEL_FLAGS, MEMORY_FLAGS, QUIET, VERBOSE } from "./shared_flags.ts";

/** Flags that can be given once for each side. */
const FOR_EACH_SIDE: readonly string[] = ["rules", "kernel-offset", "kernel-base"];

function twice(flag: Flag): Flag {
  return { ...flag, repeats: true, text: `${flag.text}; can be given twice: for A, then for B` };
}

/** The machine of `kload run` has the memory that its --memory says, which is another flag here. */
const MEMORY_SIZE = "Size of memory; with --as-run, 18 MiB less than --memory of kload run, which firmware takes";

/** `kload diff` and its flags. */
export const DIFF: Command = {
  name: "diff",
  summary: "Compare two kernels, one kernel loaded in two ways, or a kernel as loaded with what it is at run time",
  about: `Loads A and B as kload load does, and compares what they map, with which flags, and the bytes in it, by
segment, section and symbol. B, or both, can be page tables in a memory dump or of a running QEMU (--memory, --gdb).
With one of each, A is the dump. With one FILE and neither of these, A is the kernel loaded without the flags, and B with them. A flag given twice is for A,
then for B. Where pages lie in physical memory makes no difference. Segments of position-independent kernels at different
bases are matched by their link addresses, and words that differ by exactly the distance between the bases are counted
separately. ACCESSED and DIRTY are not compared, because the processor sets them as it uses pages.`,
  flags: [
    { name: "absolute", text: "Compare equal addresses, even of two kernels at different bases" },
    { name: "accessed", text: "Compare the flags ACCESSED and DIRTY, too" },
    { name: "physical", text: "Compare the physical addresses of pages, too" },
    { name: "limit", value: "NUMBER", text: "List at most this many differences of each kind", fallback: "40" },
    ...FOREIGN_FLAGS.map((flag): Flag => ({ ...flag, repeats: true })),
    { name: "as-run", text: "Add what kload run adds to a kernel: a stack, boot information, the context switch" },
    ...KERNEL_FLAGS.map((flag) => FOR_EACH_SIDE.includes(flag.name) ? twice(flag) : flag),
    ...MEMORY_FLAGS.map((flag) => flag.name === "memory-size" ? { ...flag, text: MEMORY_SIZE } : flag),
    ...BOOT_FLAGS,
    { ...JSON_FLAG, text: "Print one JSON object instead of the report" },
    { ...QUIET, text: "Print no report and no progress; the exit status says whether A and B differ" },
    { ...VERBOSE, text: "Print the stack of an error in a plugin" },
    ...COLOR_FLAGS,
  ],
  operands: { names: ["A", "B"], fewest: 0 },
  status: "0 the same, 1 different, 2 wrong usage, 3 a side cannot be read or loaded, or something else failed, " +
    "130 interrupted (129 by SIGHUP, 143 by SIGTERM)",
  examples: [
    ["kload diff old.elf new.elf", "two builds of a kernel"],
    ["kload diff kernel.elf --rules default --rules bootloader-0.11", "one kernel under two rule sets"],
    ["kload diff kernel.elf --no-plugin relro", "what a plugin does"],
    ["kload diff pie.elf --kernel-base 0 --kernel-base 0xffffffff80000000", "one kernel at two bases"],
    ["kload diff kernel.elf --as-run --memory memory.bin --cr3 0x1000", "what a kernel changed after it was loaded"],
    ["kload diff kernel.elf --as-run --gdb localhost:1234", "the same, while it runs"],
    [
      "kload diff --memory before.bin --memory after.bin --cr3 0x1000",
      "two dumps; each --base, --cr3 and --levels can be given twice",
    ],
  ],
};
