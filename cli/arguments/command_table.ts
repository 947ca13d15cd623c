/**
 * The commands and their flags, as one table that parsing and help both read.
 *
 * @module
 */

import type { Command } from "./flag.ts";
import {
  BOOT_FLAGS,
  COLOR_FLAGS,
  JSON_FLAG,
  KERNEL_FLAGS,
  OUTPUT,
  PLUGIN_FLAGS,
  QUIET,
  RULES_FLAG,
  STRICT,
  VERBOSE,
} from "./shared_flags.ts";

/** `kload load` and its flags. */
export const LOAD: Command = {
  name: "load",
  summary: "Load a kernel into memory, build its page tables, and print a report",
  about: `Loads an ELF kernel as a boot loader does. FILE is a path, - is standard input, and a URL is http or https.
Gzip is inflated on the way. Only the bytes that are needed are read.`,
  flags: [
    ...KERNEL_FLAGS,
    { name: "memory-base", value: "ADDRESS", text: "Physical address where memory starts", fallback: "0" },
    { name: "memory-size", value: "BYTES", text: "Size of memory", fallback: "as much as the kernel needs" },
    {
      name: "level4-frame",
      value: "ADDRESS",
      text: "Physical address of the level-4 table",
      fallback: "the first frame allocated",
    },
    { name: "dump", value: "FILE", text: "Write memory, from its base to the next free frame, to FILE" },
    STRICT,
    JSON_FLAG,
    { ...QUIET, text: "Print no report and no progress; a JSON object is still printed" },
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  examples: [
    ["kload kernel.elf", "load is the default command"],
    ["kload load kernel.elf --kernel-offset 1M --dump memory.bin", "keep the memory, page tables included"],
    ["kload load pie.elf --kernel-base 0xffffffff80000000", "move a position-independent kernel"],
    ["kload load kernel.elf --rules bootloader-0.10 --json", "as that boot loader does, as JSON"],
    ["zstdcat kernel.elf.zst | kload load -", "from another program"],
    ["kload load https://example.com/kernel.elf.gz -q --strict", "just ask whether it loads, without a warning"],
  ],
};

/** `kload inspect` and its flags. */
export const INSPECT: Command = {
  name: "inspect",
  summary: "Show the headers of an ELF file of any machine, and what the default rules object to",
  about: `Reads the ELF file header and the program headers, and no byte more. The file may be for another
machine or class; an objection of the default rules is reported if it shows in the headers.`,
  flags: [
    JSON_FLAG,
    { ...QUIET, text: "Print no report: only the exit status says whether there are headers" },
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  examples: [
    ["kload inspect kernel.elf", "the headers of a kernel"],
    ["kload inspect vmlinux.gz --json", "for a program to read"],
    ["curl -s https://example.com/kernel.elf | kload inspect -", "without the rest of the file"],
  ],
};

/** `kload plugins` and its flags. */
export const PLUGINS: Command = {
  name: "plugins",
  summary: "List the plugins that take part in a load, with what they claim",
  about: `A plugin handles program headers of some types, in one of the phases load, relocate and seal, or adds stages.
The default rules use all built-in ones but sections, bootloader-0.11 uses relocate and relro, bootloader-0.10 none.
A module of your own that exports plugin joins them with --plugin.`,
  flags: [
    RULES_FLAG,
    ...PLUGIN_FLAGS,
    { ...JSON_FLAG, text: "Print one JSON object instead of the table" },
    { ...QUIET, text: "Print no table: only the exit status says whether the plugins can be used" },
    { ...VERBOSE, text: "Print the stack of an error in a plugin too" },
    ...COLOR_FLAGS,
  ],
  takesSource: false,
  examples: [
    ["kload plugins", "those of the default rules"],
    ["kload plugins --plugin ./mine.ts", "with one of your own"],
  ],
};

/** `kload image` and its flags. */
export const IMAGE: Command = {
  name: "image",
  summary: "Write a file that QEMU and GRUB boot as it is",
  about: `Loads a kernel with a stack, boot information and a page that leads into it, and writes all of that as a
32-bit ELF file with a Multiboot header and a PVH note. The report says how to boot it.`,
  flags: [OUTPUT, ...KERNEL_FLAGS, ...BOOT_FLAGS, STRICT, JSON_FLAG, QUIET, VERBOSE, ...COLOR_FLAGS],
  examples: [
    ["kload image kernel.elf -o boot.elf", "for QEMU and for GRUB"],
    ["kload image pie.elf --kernel-base 0xffffffff80000000 -o boot.elf", "a position-independent kernel"],
    ["kload image kernel.elf --stack-size 256K --physical-memory -o boot.elf", "with more in its address space"],
  ],
};

/** `kload run` and its flags. */
export const RUN: Command = {
  name: "run",
  summary: "Boot a kernel in QEMU, and report what happened",
  about: `Boots the kernel on the page tables that kload builds; its first serial port is standard output. Exit status:
0 if it writes 0x10 to port 0xf4, 3 if it triple faults or resets, 124 at the timeout, else QEMU's own.`,
  flags: [
    { name: "timeout", value: "SECONDS", text: "How long it may run", fallback: "60; without limit under --gdb" },
    { name: "memory", value: "BYTES", text: "The machine's memory", fallback: "as much as the kernel needs" },
    {
      name: "qemu-arg",
      value: "ARG",
      text: "Pass one more argument to QEMU; may be given again",
      repeats: true,
      verbatim: true,
    },
    { name: "gdb", text: "Wait for a debugger before the first instruction, and print how to start it" },
    ...KERNEL_FLAGS,
    ...BOOT_FLAGS,
    STRICT,
    { ...QUIET, text: "Print no report, just what the kernel writes" },
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  status: "0 success, 1 refused, failed or no verdict, 2 wrong usage, 3 triple fault or reset, 124 timeout, " +
    "130 interrupted, else QEMU's own",
  examples: [
    ["kload run kernel.elf", "boot it"],
    ["kload run kernel.elf --timeout 5 --memory 512M", "with a limit, and more memory"],
    ["kload run kernel.elf --qemu-arg -smp --qemu-arg 4", "with four processors"],
    ["kload run kernel.elf --identity --framebuffer 1024x768", "for a kernel that draws, or prints at 0xb8000"],
    ["kload run kernel.elf --gdb", "step through it"],
  ],
};

/** `kload dump` and its flags. */
export const DUMP: Command = {
  name: "dump",
  summary: "Write the address space of a kernel as an ELF core file, for gdb",
  about: `Loads a kernel with a stack and boot information, and writes what a debugger wants to see of it: memory by its
virtual addresses, and the registers at the entry point.`,
  flags: [
    { name: "core", text: "Write an ELF core file; required, as there is no other format" },
    OUTPUT,
    ...KERNEL_FLAGS,
    ...BOOT_FLAGS,
    STRICT,
    JSON_FLAG,
    QUIET,
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  examples: [["kload dump --core kernel.elf -o kernel.core", "for gdb kernel.elf kernel.core"]],
};

/** Every command by its name. */
export const COMMANDS = {
  load: LOAD,
  inspect: INSPECT,
  plugins: PLUGINS,
  image: IMAGE,
  run: RUN,
  dump: DUMP,
} as const;

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS;

/**
 * Which command the arguments ask for.
 *
 * @param args All the arguments.
 * @returns The command's name, `load` if none is given, and the arguments after it.
 */
export function chooseCommand(
  args: readonly string[],
): { readonly name: CommandName; readonly own: readonly string[] } {
  const [first, ...rest] = args;
  const isNamed = first !== undefined && Object.hasOwn(COMMANDS, first);
  return isNamed ? { name: first as CommandName, own: rest } : { name: "load", own: args };
}
