/**
 * The flags that several commands have.
 *
 * @module
 */

import type { RuleSetName } from "../../mod.ts";
import { COLOR_CHOICES } from "../output/color.ts";
import type { Flag } from "./flag.ts";

/** The rule sets. The compiler checks that none is missing, so that help need not import the loader. */
const RULES: Readonly<Record<RuleSetName, true>> = {
  "default": true,
  "bootloader-0.10": true,
  "bootloader-0.11": true,
};

/** The rule set. */
export const RULES_FLAG: Flag = {
  name: "rules",
  value: "NAME",
  choices: Object.keys(RULES),
  text: `Rule set to load by: ${Object.keys(RULES).join(", ")}`,
  fallback: "default",
};

/** Which plugins are used. */
export const PLUGIN_FLAGS: readonly Flag[] = [
  { name: "plugin", value: "MODULE", text: "Add the plugin that MODULE exports; can be repeated", repeats: true },
  { name: "no-plugin", value: "NAME", text: "Leave out a built-in plugin; can be repeated", repeats: true },
];

/** How a kernel is loaded, for every command that loads one. */
export const KERNEL_FLAGS: readonly Flag[] = [
  RULES_FLAG,
  {
    name: "kernel-offset",
    value: "ADDRESS",
    text: "Physical address at which the file's first byte is placed",
    fallback: "2 MiB above the base of memory",
  },
  {
    name: "kernel-base",
    value: "ADDRESS",
    text: "Added to every p_vaddr of a position-independent kernel",
    fallback: "the first free range; 0 without the plugin relocate",
  },
  { name: "max-memory", value: "BYTES", text: "Upper limit on the memory to allocate", fallback: "4 GiB" },
  ...PLUGIN_FLAGS,
];

/** Which memory a kernel is loaded into. */
export const MEMORY_FLAGS: readonly Flag[] = [
  { name: "memory-base", value: "ADDRESS", text: "Physical address of the start of memory", fallback: "0" },
  { name: "memory-size", value: "BYTES", text: "Size of memory", fallback: "as much as the kernel needs" },
  {
    name: "level4-frame",
    value: "ADDRESS",
    text: "Physical address of the level-4 table",
    fallback: "the first frame allocated",
  },
];

/** What a kernel gets besides its segments, for every command that prepares one for booting. */
export const BOOT_FLAGS: readonly Flag[] = [
  {
    name: "stack-size",
    value: "BYTES",
    text: "Size of the stack",
    fallback: "what the file's PT_GNU_STACK asks for, or 80 KiB",
  },
  {
    name: "physical-memory",
    value: "ADDRESS",
    optional: true,
    text: "Map all physical memory, at ADDRESS or in a free range",
  },
  { name: "identity", text: "Also map physical memory at its own addresses" },
  { name: "framebuffer", value: "WxH", text: "Add a framebuffer of W by H pixels, shown by QEMU's ramfb device" },
  { name: "ramdisk", value: "FILE", text: "Load FILE as a ramdisk and map it" },
];

/** Turns warnings into failures. */
export const STRICT: Flag = { name: "strict", text: "Exit with status 1 if there is a warning" };

/** JSON instead of text. */
export const JSON_FLAG: Flag = { name: "json", short: "j", text: "Print one JSON object instead of the report" };

/** No report. */
export const QUIET: Flag = { name: "quiet", short: "q", text: "Print no report" };

/** A longer report. */
export const VERBOSE: Flag = {
  name: "verbose",
  short: "v",
  text: "Also print remarks of severity info, and the stack of an error in a plugin",
};

/** When to print colors. */
export const COLOR_FLAGS: readonly Flag[] = [
  {
    name: "color",
    value: "WHEN",
    choices: COLOR_CHOICES,
    text: "When to use colors: auto (on a terminal), always or never",
    fallback: "auto",
  },
  { name: "no-color", means: ["color", "never"], text: "The same as --color never" },
];

/** The file that a command writes. */
export const OUTPUT: Flag = { name: "output", short: "o", value: "FILE", text: "The file to write" };
