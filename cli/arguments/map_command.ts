/**
 * `kload map`, with its flags.
 *
 * @module
 */

import type { Command } from "./flag.ts";
import { FOREIGN_FLAGS } from "./foreign_tables.ts";
import {
  BOOT_FLAGS,
  COLOR_FLAGS,
  JSON_FLAG,
  KERNEL_FLAGS,
  MEMORY_FLAGS,
  OUTPUT,
  QUIET,
  VERBOSE,
} from "./shared_flags.ts";

/** The values of `--level`: the lowest level of tables whose entries to show. */
export const LEVEL_CHOICES = ["4", "3", "2", "1"] as const;

/** `kload map` and its flags. */
export const MAP: Command = {
  name: "map",
  summary: "Draw an address space: what is mapped where, what it is for, and what is not mapped",
  about: `Loads a kernel as kload load does, and draws its address space: runs of pages by level-4 entry, with their
permissions, what their frames are for, and the sections and symbols in them. Gaps are folded, with their size. The bar
next to a run shows where it is among the pages of its level-4 entry, to scale, without the gaps. With --memory or
--gdb, it draws the page tables in a memory dump or of a running QEMU, and a FILE only names what they map.`,
  flags: [
    {
      name: "filter",
      value: "EXPRESSION",
      text: "Show only some runs: r, w, x, u (user mode), owner:NAME, section:NAME or segment:N, or several of these " +
        "with &, |, ! and parentheses",
    },
    { name: "holes", text: "Show the addresses of gaps, too" },
    { name: "tables", text: "Also list the page tables" },
    {
      name: "level",
      value: "NUMBER",
      choices: LEVEL_CHOICES,
      text: "Show the entries of the page tables down to this level, 4 to 1, in place of the runs",
    },
    { name: "limit", value: "NUMBER", text: "Show at most this many runs, tables or entries", fallback: "10,000" },
    { name: "as-run", text: "Add what kload run adds to the kernel: a stack, boot information, the context switch" },
    ...FOREIGN_FLAGS,
    ...KERNEL_FLAGS,
    ...MEMORY_FLAGS,
    ...BOOT_FLAGS,
    JSON_FLAG,
    { name: "svg", text: "Print an SVG image instead of the report; with -o, write it to a file" },
    { ...OUTPUT, text: "The file that --svg writes" },
    { ...QUIET, text: "Print no report and no progress; with --json or --svg, still print that" },
    { ...VERBOSE, text: "Also print the level-4 entries themselves, and the stack of an error in a plugin" },
    ...COLOR_FLAGS,
  ],
  operands: { names: ["FILE|-|URL"], fewest: 0 },
  examples: [
    ["kload map kernel.elf", "what is mapped where"],
    ["kload map kernel.elf --filter 'w&x'", "what is writable and executable"],
    ["kload map kernel.elf --as-run --physical-memory --tables", "as kload run enters it, with its page tables"],
    ["kload map kernel.elf --level 1", "the entries of all page tables"],
    ["kload map kernel.elf --svg -o map.svg", "as an image"],
    ["kload map kernel.elf --gdb localhost:1234", "the page tables of a running kernel"],
    ["kload map --memory memory.bin --cr3 0x1000", "the page tables in a memory dump"],
  ],
};
