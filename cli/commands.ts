/**
 * The commands and their flags, as one table that parsing and help both read.
 *
 * @module
 */

import { RULES } from "../mod.ts";

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

/** Every command by its name. */
export const COMMANDS = { load: LOAD, inspect: INSPECT, plugins: PLUGINS } as const;

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS;
