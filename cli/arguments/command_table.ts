/**
 * The commands and their flags, as one table that parsing and help both read.
 *
 * @module
 */

import { RULES } from "../../mod.ts";

/** One flag of a command. */
export interface Flag {
  /** Its name, without the dashes. */
  readonly name: string;
  /** What its value is, in capitals; a switch has none. */
  readonly value?: string;
  /** What it does, in one line. */
  readonly text: string;
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /** Whether what follows is its value even where it looks like a flag. */
  readonly verbatim?: true;
  /** Its other name, one letter, where it has one. */
  readonly short?: string;
}

/** One command. */
export interface Command {
  /** What the user types. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What there is to know before using it. */
  readonly about: string;
  /** Its flags, in the order of the help. */
  readonly flags: readonly Flag[];
  /** Whether there is a FILE, - or URL behind it; there is, where it is left out. */
  readonly takesSource?: false;
  /** Ways to use it: what to type, and what that does. */
  readonly examples: readonly (readonly [string, string])[];
}

const NO_COLOR: Flag = { name: "no-color", text: "Print no colours; they go to a terminal only" };

const RULES_FLAG: Flag = { name: "rules", value: "NAME", text: `What is accepted: ${Object.keys(RULES).join(", ")}` };

const PLUGIN_FLAGS: readonly Flag[] = [
  {
    name: "plugin",
    value: "MODULE",
    text: "Use the plugin that MODULE exports too; may be given again",
    repeats: true,
  },
  { name: "no-plugin", value: "NAME", text: "Leave a built-in plugin out; may be given again", repeats: true },
];

/** `kload load` and its flags. */
export const LOAD: Command = {
  name: "load",
  summary: "Load a kernel into memory, build its page tables, and tell what became of it",
  about: `Loads an ELF kernel as a boot loader does and prints a report. FILE is a path, - is standard input,
and a URL is http or https. Gzip is inflated on the way. Only the bytes that are needed are read.`,
  flags: [
    RULES_FLAG,
    { name: "memory-base", value: "ADDRESS", text: "Physical address where memory starts; 0" },
    { name: "memory-size", value: "BYTES", text: "Size of memory; as much as the kernel needs" },
    { name: "kernel-offset", value: "ADDRESS", text: "Physical address of the file's first byte; 2M above the base" },
    {
      name: "level4-frame",
      value: "ADDRESS",
      text: "Physical address of the level-4 table; the first frame allocated",
    },
    { name: "kernel-base", value: "ADDRESS", text: "Added to every address of a position-independent kernel" },
    { name: "max-memory", value: "BYTES", text: "The most memory that is allocated; 4G" },
    ...PLUGIN_FLAGS,
    { name: "dump", value: "FILE", text: "Write the memory from its base to the next free frame to FILE" },
    { name: "json", text: "Print one JSON object instead of the report" },
    { name: "quiet", text: "Print no report and no progress; a JSON object is still printed" },
    NO_COLOR,
  ],
  examples: [
    ["kload kernel.elf", "load is the default command"],
    ["kload load kernel.elf --kernel-offset 1M --dump memory.bin", "keep the memory, page tables included"],
    ["kload load pie.elf --kernel-base 0xffffffff80000000", "move a position-independent kernel"],
    ["kload load kernel.elf --rules bootloader-0.10 --json", "as that boot loader does, as JSON"],
    ["zstdcat kernel.elf.zst | kload load -", "from another program"],
    ["kload load https://example.com/kernel.elf.gz --quiet", "just ask whether it loads"],
  ],
};

/** `kload inspect` and its flags. */
export const INSPECT: Command = {
  name: "inspect",
  summary: "Show the headers of an ELF file of any machine, and what the default rules object to",
  about: `Reads the ELF file header and the program headers, and no byte more. The file may be for another
machine or class; what the default rules would object to is told where it shows in the headers.`,
  flags: [
    { name: "json", text: "Print one JSON object instead of the report" },
    { name: "quiet", text: "Print no report: only the exit status says whether there are headers" },
    NO_COLOR,
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
  summary: "List the plugins that a load has, with what they claim",
  about: `A plugin handles program headers of some types, in one of the phases load, relocate and seal, or adds stages.
Every built-in one is used; a module of your own that exports plugin joins them with --plugin.`,
  flags: [
    RULES_FLAG,
    ...PLUGIN_FLAGS,
    { name: "json", text: "Print one JSON object instead of the table" },
    NO_COLOR,
  ],
  takesSource: false,
  examples: [
    ["kload plugins", "those of the default rules"],
    ["kload plugins --plugin ./mine.ts", "with one's own"],
  ],
};

/** The flags of all commands that boot a kernel, or get it ready to be booted. */
const BOOT_FLAGS: readonly Flag[] = [
  ...LOAD.flags.filter(({ name }) => ["rules", "kernel-offset", "kernel-base", "max-memory"].includes(name)),
  ...PLUGIN_FLAGS,
];

const OUTPUT: Flag = { name: "output", short: "o", value: "FILE", text: "The file to write" };
const QUIET: Flag = { name: "quiet", text: "Print no report" };
const JSON_REPORT: Flag = { name: "json", text: "Print one JSON object instead of the report" };

/** `kload image` and its flags. */
export const IMAGE: Command = {
  name: "image",
  summary: "Write a file that QEMU and GRUB boot as it is",
  about: `Loads a kernel with a stack, boot information and a page that leads into it, and writes all of that as a
32-bit ELF file with a Multiboot header and a PVH note. The report says how to boot it.`,
  flags: [OUTPUT, ...BOOT_FLAGS, JSON_REPORT, QUIET, NO_COLOR],
  examples: [
    ["kload image kernel.elf -o boot.elf", "for QEMU and for GRUB"],
    ["kload image pie.elf --kernel-base 0xffffffff80000000 -o boot.elf", "a position-independent kernel"],
  ],
};

/** `kload run` and its flags. */
export const RUN: Command = {
  name: "run",
  summary: "Boot a kernel in QEMU, and tell what happened to it",
  about: `Boots the kernel on the page tables that kload builds; its first serial port is standard output. Exit status:
0 if it writes 0x10 to port 0xf4, 3 if it faults for good or resets, 124 at the timeout, else QEMU's own.`,
  flags: [
    { name: "timeout", value: "SECONDS", text: "How long it may run; 60, or for ever with --gdb" },
    { name: "memory", value: "BYTES", text: "The machine's memory; as much as the kernel needs" },
    {
      name: "qemu-arg",
      value: "ARG",
      text: "Pass one more argument to QEMU; may be given again",
      repeats: true,
      verbatim: true,
    },
    { name: "gdb", text: "Wait for a debugger before the first instruction, and print how to start it" },
    ...BOOT_FLAGS,
    { name: "quiet", text: "Print no report, just what the kernel writes" },
    NO_COLOR,
  ],
  examples: [
    ["kload run kernel.elf", "boot it"],
    ["kload run kernel.elf --timeout 5 --memory 512M", "with a limit, and more memory"],
    ["kload run kernel.elf --qemu-arg -smp --qemu-arg 4", "with four processors"],
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
    { name: "core", text: "Write an ELF core file; there is no other kind so far" },
    OUTPUT,
    ...BOOT_FLAGS,
    JSON_REPORT,
    QUIET,
    NO_COLOR,
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
