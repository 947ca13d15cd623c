/**
 * The flags that several commands have.
 *
 * @module
 */

import { RULES } from "../../core/rules.ts";
import { COLOR_CHOICES } from "../output/color.ts";
import type { Flag } from "./flag.ts";

/** Which files are accepted. */
export const RULES_FLAG: Flag = {
  name: "rules",
  value: "NAME",
  choices: Object.keys(RULES),
  text: `What is accepted: ${Object.keys(RULES).join(", ")}`,
  fallback: "default",
};

/** Which plugins take part. */
export const PLUGIN_FLAGS: readonly Flag[] = [
  { name: "plugin", value: "MODULE", text: "Add the plugin that MODULE exports; may be given again", repeats: true },
  { name: "no-plugin", value: "NAME", text: "Leave a built-in plugin out; may be given again", repeats: true },
];

/** How a kernel is loaded, for every command that loads one. */
export const KERNEL_FLAGS: readonly Flag[] = [
  RULES_FLAG,
  {
    name: "kernel-offset",
    value: "ADDRESS",
    text: "Physical address of the file's first byte",
    fallback: "2 MiB above the base of memory",
  },
  {
    name: "kernel-base",
    value: "ADDRESS",
    text: "Added to every p_vaddr of a position-independent kernel",
    fallback: "the first free range; 0 without the plugin relocate",
  },
  { name: "max-memory", value: "BYTES", text: "Most memory to allocate", fallback: "4 GiB" },
  ...PLUGIN_FLAGS,
];

/** What a kernel gets besides its segments, for every command that makes one ready to boot. */
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
    text: "Map all physical memory, at ADDRESS or else in a free range",
  },
  { name: "identity", text: "Map physical memory at its own addresses too" },
  { name: "framebuffer", value: "WxH", text: "Give the kernel W by H pixels, which QEMU's device ramfb shows" },
  { name: "ramdisk", value: "FILE", text: "Load FILE as a ramdisk, and map it" },
];

/** Turns warnings into failure. */
export const STRICT: Flag = { name: "strict", text: "Exit with status 1 if there is a warning" };

/** JSON in place of text. */
export const JSON_FLAG: Flag = { name: "json", short: "j", text: "Print one JSON object instead of the report" };

/** No report. */
export const QUIET: Flag = { name: "quiet", short: "q", text: "Print no report" };

/** More text. */
export const VERBOSE: Flag = {
  name: "verbose",
  short: "v",
  text: "Print remarks of severity info too, and the stack of an error in a plugin",
};

/** When to print colors. */
export const COLOR_FLAGS: readonly Flag[] = [
  {
    name: "color",
    value: "WHEN",
    choices: COLOR_CHOICES,
    text: "When to print colors: auto (on a terminal), always, never",
    fallback: "auto",
  },
  { name: "no-color", means: ["color", "never"], text: "The same as --color never" },
];

/** The file that a command writes. */
export const OUTPUT: Flag = { name: "output", short: "o", value: "FILE", text: "The file to write" };
