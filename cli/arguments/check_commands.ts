/**
 * `kload check` and `kload explain`, with their flags.
 *
 * @module
 */

import type { LoaderName } from "../../loaders/mod.ts";
import type { Command } from "./flag.ts";
import { COLOR_FLAGS, JSON_FLAG, OUTPUT, QUIET, VERBOSE } from "./shared_flags.ts";

/** The loaders. The compiler checks that none is missing, so that help need not import their rules. */
const LOADERS: Readonly<Record<LoaderName, true>> = {
  "kload": true,
  "bootloader-0.10": true,
  "bootloader-0.11": true,
  "grub-multiboot": true,
  "grub-multiboot2": true,
  "qemu-kernel": true,
  "limine-8": true,
  "limine-12": true,
  "firecracker": true,
  "cloud-hypervisor": true,
  "openvmm": true,
};

/** The names of the loaders, in the order of reports. */
export const LOADER_NAMES = Object.keys(LOADERS) as readonly LoaderName[];

/** The values of `--fail-on`: the least severity of a finding that makes the exit status 1. */
export const FAIL_ON_CHOICES = ["error", "warning", "never"] as const;

/** `kload check` and its flags. */
export const CHECK: Command = {
  name: "check",
  summary: "Predict what each loader will do with a kernel: boot it, refuse it, or fail",
  about: `Predicts, without running anything, what GRUB, Limine, QEMU, Firecracker and other loaders will do with
a file, and why. The file's boot protocols decide which loaders it is meant for. kload explain CODE says more about a
rule.`,
  flags: [
    {
      name: "for",
      value: "NAME",
      repeats: true,
      text: `Ask only this loader, and take the file as meant for it; can be repeated, or a comma-separated list: ${
        LOADER_NAMES.join(", ")
      }`,
      fallback: "all of them",
    },
    {
      name: "memory",
      value: "BYTES",
      text: "The machine's memory, for verdicts that depend on it",
      fallback: "256 MiB",
    },
    { name: "kernel-base", value: "ADDRESS", text: "Where kload places a position-independent kernel" },
    { name: "max-memory", value: "BYTES", text: "Upper limit on the memory to allocate", fallback: "4 GiB" },
    {
      name: "fail-on",
      value: "SEVERITY",
      choices: FAIL_ON_CHOICES,
      text: "The least severity of findings that makes the exit status 1; with never, no verdict or finding does",
      fallback: "error",
    },
    { name: "strict", means: ["fail-on", "warning"], text: "The same as --fail-on warning" },
    { name: "fix", text: "Write a copy in which what is safe to fix is fixed, and check that; needs -o" },
    { ...OUTPUT, text: "The file that --fix writes" },
    JSON_FLAG,
    { name: "sarif", text: "Print a SARIF 2.1.0 log instead of the report, for code scanning" },
    { ...QUIET, text: "Print no report and no progress; with --json or --sarif, still print that" },
    { ...VERBOSE, text: "Also print why the other loaders do not boot it, and findings of severity info" },
    ...COLOR_FLAGS,
  ],
  status: "0 done, 1 if a loader that the file is meant for does not boot it, or a finding reaches --fail-on, " +
    "or the file cannot be read, 2 wrong usage, 130 interrupted (129 by SIGHUP, 143 by SIGTERM)",
  examples: [
    ["kload check kernel.elf", "what each loader will do with it"],
    ["kload check kernel.elf --for limine-8,limine-12 --fail-on never", "ask these loaders only, and never fail"],
    ["kload check kernel.elf --fix -o fixed.elf", "fix what can be fixed in the file itself"],
    ["kload check kernel.elf --sarif --strict", "for code scanning"],
  ],
};

/** `kload explain` and its flags. */
export const EXPLAIN: Command = {
  name: "explain",
  summary: "Explain the code of an error, a diagnostic, a finding or a loader's rule",
  about: `Prints what a code means and what to do about it, or lists all codes. Codes are what reports show in
brackets, as in error[segments-overlap].`,
  flags: [
    { ...JSON_FLAG, text: "Print one JSON object instead of the text" },
    { ...QUIET, text: "Print nothing; the exit status says whether there is such a code" },
    ...COLOR_FLAGS,
  ],
  argument: "CODE",
  examples: [
    ["kload explain segments-overlap", "what it means, and what to do"],
    ["kload explain", "list all codes"],
  ],
};
