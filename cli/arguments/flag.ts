/**
 * What a flag and a command are, and the flags that several commands have.
 *
 * @module
 */

import { RULES } from "../../core/rules.ts";
import { COLOR_CHOICES } from "../output/color.ts";

/** One flag of a command. */
export interface Flag {
  /** Its name, without the dashes. */
  readonly name: string;
  /** Its short name, one letter. */
  readonly short?: string;
  /** What its value is, in capitals; a flag without one is a switch. */
  readonly value?: string;
  /** Whether the value may be left out; one that is given then follows an equals sign. */
  readonly optional?: true;
  /** The values that it takes, if they are few. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /** Whether the next argument is its value even if it looks like a flag. */
  readonly verbatim?: true;
  /** The flag and value that it is short for. */
  readonly means?: readonly [flag: string, value: string];
  /** What it does, in one line. */
  readonly text: string;
  /** What is used if it is left out. */
  readonly fallback?: string;
}

/** One command. */
export interface Command {
  /** What the user types. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What to know before using it. */
  readonly about: string;
  /** Its flags, in the order of the help. */
  readonly flags: readonly Flag[];
  /** Whether it takes a FILE, - or URL: yes, if left out. */
  readonly takesSource?: false;
  /** Ways to use it: what to type, and what that does. */
  readonly examples: readonly (readonly [line: string, text: string])[];
}

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
  { name: "stack-size", value: "BYTES", text: "Size of the stack", fallback: "80 KiB" },
  {
    name: "physical-memory",
    value: "ADDRESS",
    optional: true,
    text: "Map all physical memory, at ADDRESS or else in a free range",
  },
  { name: "identity", text: "Map physical memory at its own addresses too" },
  { name: "framebuffer", value: "WxH", text: "Set up a framebuffer of W by H pixels" },
  { name: "ramdisk", value: "FILE", text: "Load FILE as a ramdisk, and map it" },
];

/** Turns warnings into failure. */
export const STRICT: Flag = { name: "strict", text: "Exit with status 1 if there is a warning" };

/** JSON in place of text. */
export const JSON_FLAG: Flag = { name: "json", short: "j", text: "Print one JSON object instead of the report" };

/** No report. */
export const QUIET: Flag = { name: "quiet", short: "q", text: "Print no report" };

/** What every command has. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: "verbose", short: "v", text: "Print more: the stack of an error in a plugin, or in kload" },
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
