/**
 * The commands and their flags in one table, read by both the parser and the help.
 *
 * @module
 */

import { CHECK, EXPLAIN } from "./check_commands.ts";
import { DIFF } from "./diff_command.ts";
import type { Command } from "./flag.ts";
import { MAP } from "./map_command.ts";
import {
  BOOT_FLAGS,
  COLOR_FLAGS,
  JSON_FLAG,
  KERNEL_FLAGS,
  MEMORY_FLAGS,
  OUTPUT,
  PLUGIN_FLAGS,
  QUIET,
  RULES_FLAG,
  STRICT,
  VERBOSE,
} from "./shared_flags.ts";
import { WALK } from "./walk_command.ts";

/** `kload load` and its flags. */
export const LOAD: Command = {
  name: "load",
  summary: "Load a kernel into memory, build its page tables, and print a report",
  about: `Loads an ELF kernel as a boot loader does. The source is a file, - for standard input, or an http or
https URL. Gzip files are decompressed on the fly. kload reads no further than it has to.`,
  flags: [
    ...KERNEL_FLAGS,
    ...MEMORY_FLAGS,
    { name: "dump", value: "FILE", text: "Write memory to FILE, from its base up to the next free frame" },
    STRICT,
    JSON_FLAG,
    { ...QUIET, text: "Print no report and no progress; with --json, still print the object" },
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  examples: [
    ["kload kernel.elf", "load is the default command"],
    ["kload load kernel.elf --kernel-offset 1M --dump memory.bin", "save the memory, page tables included"],
    ["kload load pie.elf --kernel-base 0xffffffff80000000", "place a position-independent kernel"],
    ["kload load kernel.elf --rules bootloader-0.10 --json", "load as bootloader 0.10 does, print JSON"],
    ["zstdcat kernel.elf.zst | kload load -", "read the output of another program"],
    ["kload load https://example.com/kernel.elf.gz -q --strict", "only check that it loads without a warning"],
  ],
};

/** `kload inspect` and its flags. */
export const INSPECT: Command = {
  name: "inspect",
  summary: "Say what any file is, and which boot protocols it is made for",
  about: `Names the file: an ELF file for any machine, a compressed kernel and its contents, a bzImage, an archive, a
disk image, a web page. For an ELF file it shows the headers, and what the default rules object to in them. It reads the
first 36 KiB and, of an ELF file, the headers, notes, section names and segments, where boot protocols keep their
headers. Of a regular file it reads nothing else; any other source is read in order.`,
  flags: [
    { ...STRICT, text: "Exit with status 1 if there is a warning or an objection" },
    JSON_FLAG,
    { ...QUIET, text: "Print no report; the exit status says whether the format is known" },
    { ...VERBOSE, text: "Also print remarks of severity info" },
    ...COLOR_FLAGS,
  ],
  status:
    "0 the format is known, 1 it is unknown or the file cannot be read, 2 wrong usage, 130 interrupted (129 by SIGHUP, " +
    "143 by SIGTERM)",
  examples: [
    ["kload inspect kernel.elf", "show the headers of a kernel"],
    ["kload inspect vmlinux.gz --json", "print what it is and what is inside as JSON"],
    ["curl -s https://example.com/kernel.elf | kload inspect -", "look at the output of another program"],
  ],
};

/** `kload plugins` and its flags. */
export const PLUGINS: Command = {
  name: "plugins",
  summary: "List the plugins of a load and the program headers that they claim",
  about: `A plugin handles program headers of certain types, in one of the phases load, relocate and seal, or adds
stages. The default rules use all built-in plugins but sections, bootloader-0.11 uses relocate and relro, and
bootloader-0.10 none. --plugin adds a module that exports one as plugin.`,
  flags: [
    RULES_FLAG,
    ...PLUGIN_FLAGS,
    { ...JSON_FLAG, text: "Print one JSON object instead of the table" },
    { ...QUIET, text: "Print no table; the exit status says whether the plugins can be used" },
    { ...VERBOSE, text: "Also print the stack of an error in a plugin" },
    ...COLOR_FLAGS,
  ],
  takesSource: false,
  examples: [
    ["kload plugins", "the plugins of the default rules"],
    ["kload plugins --plugin ./mine.ts", "with one of your own added"],
  ],
};

/** `kload image` and its flags. */
export const IMAGE: Command = {
  name: "image",
  summary: "Write a boot image that QEMU and GRUB can start",
  about: `Loads a kernel, adds a stack, boot information and a context-switch page, and writes it all as a 32-bit
ELF file with a Multiboot header and a PVH note. The report includes the command that boots it.`,
  flags: [OUTPUT, ...KERNEL_FLAGS, ...BOOT_FLAGS, STRICT, JSON_FLAG, QUIET, VERBOSE, ...COLOR_FLAGS],
  examples: [
    ["kload image kernel.elf -o boot.elf", "for QEMU or GRUB"],
    ["kload image pie.elf --kernel-base 0xffffffff80000000 -o boot.elf", "a position-independent kernel"],
    [
      "kload image kernel.elf --stack-size 256K --physical-memory -o boot.elf",
      "with a larger stack and all physical memory mapped",
    ],
  ],
};

/** `kload run` and its flags. */
export const RUN: Command = {
  name: "run",
  summary: "Boot a kernel in QEMU, and report what happened",
  about: `Boots the kernel on the page tables that kload built. Its first serial port is standard output and standard
input, unless the kernel itself is read from there. On a terminal, keys reach the kernel at once, and Ctrl-A X ends the
run. The exit status is 0 if the kernel writes 0x10 to port 0xf4, 3 if it triple-faults, resets or panics, 124 at the
timeout, 1 if it powers off or halts for good without a verdict, and otherwise the exit status of QEMU. What follows --
is passed to QEMU unchanged. The guest has no network unless -nic, -net or -netdev is given, and QEMU runs in its sandbox
if it has one, unless -sandbox is given.`,
  passesTo: "QEMU",
  flags: [
    { name: "timeout", value: "SECONDS", text: "How long the kernel may run", fallback: "60; no limit with --gdb" },
    { name: "memory", value: "BYTES", text: "The machine's memory", fallback: "as much as the kernel needs" },
    { name: "qemu-arg", value: "ARG", text: "", repeats: true, verbatim: true, replacedBy: "--" },
    { name: "gdb", text: "Wait for a debugger before the first instruction, and print the command that starts it" },
    ...KERNEL_FLAGS,
    ...BOOT_FLAGS,
    { ...STRICT, text: "Do not boot if there is a warning: exit with status 1" },
    {
      ...JSON_FLAG,
      text: "Print one JSON object instead of the report; what the kernel writes is in it",
    },
    { ...QUIET, text: "Print only what the kernel writes; with --json, still print the object" },
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  status: "0 success, 1 refused, failed or no verdict, 2 wrong usage, 3 triple fault or reset, 124 timeout, " +
    "130 interrupted (129 by SIGHUP, 143 by SIGTERM), else QEMU's own",
  examples: [
    ["kload run kernel.elf", "boot it"],
    ["kload run kernel.elf --timeout 5 --memory 512M", "with a time limit and more memory"],
    ["kload run kernel.elf -- -smp 4 -nic user", "with four processors and a network"],
    ["echo help | kload run kernel.elf --json", "with input; its output, and how it ended, as JSON"],
    ["kload run kernel.elf --identity --framebuffer 1024x768", "for a kernel that draws, or that writes to 0xb8000"],
    ["kload run kernel.elf --gdb", "debug it"],
  ],
};

/** `kload dump` and its flags. */
export const DUMP: Command = {
  name: "dump",
  summary: "Write a kernel's address space as an ELF core file for gdb",
  about: `Loads a kernel, adds a stack and boot information, and writes a core file with all mapped memory at its
virtual addresses and the registers at the entry point. The report includes the command that opens it.`,
  flags: [
    { name: "core", text: "Write an ELF core file; required, because it is the only format" },
    OUTPUT,
    ...KERNEL_FLAGS,
    ...BOOT_FLAGS,
    STRICT,
    JSON_FLAG,
    QUIET,
    VERBOSE,
    ...COLOR_FLAGS,
  ],
  examples: [["kload dump --core kernel.elf -o kernel.core", "then: gdb kernel.elf kernel.core"]],
};

/** Every command by its name. */
export const COMMANDS = {
  load: LOAD,
  inspect: INSPECT,
  check: CHECK,
  map: MAP,
  walk: WALK,
  diff: DIFF,
  plugins: PLUGINS,
  image: IMAGE,
  run: RUN,
  dump: DUMP,
  explain: EXPLAIN,
} as const;

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS;

/**
 * Finds the command that the arguments name.
 *
 * @param args All the arguments.
 * @returns The command's name (`load` if none is given) and the arguments after it.
 */
export function chooseCommand(
  args: readonly string[],
): { readonly name: CommandName; readonly own: readonly string[] } {
  const [first, ...rest] = args;
  const isNamed = first !== undefined && Object.hasOwn(COMMANDS, first);
  return isNamed ? { name: first as CommandName, own: rest } : { name: "load", own: args };
}
