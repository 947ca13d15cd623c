/**
 * What version 0.11 of rust-osdev/bootloader does with a file.
 *
 * @module
 */

import { ELFCLASS32, ELFCLASS64 } from "../core/elf/constants.ts";
import type { FileModel } from "../core/file/file_model.ts";
import { bootloader, type BootloaderProtocol, CONFIG_SECTION } from "../protocols/bootloader.ts";
import type { ConfigFault } from "../protocols/bootloader/config.ts";
import { judgeCrate } from "./bootloader/judge_crate.ts";
import type { Judgement, Loader } from "./loader.ts";
import type { Rule } from "./rule.ts";

/** The rule about kernels without a configuration. */
const MISSING_CONFIG = {
  id: "missing-bootloader-config",
  outcome: "refuses",
  words: "bootloader config section not found; kernel must be compiled against bootloader_api",
  about: `The file has no section named ${CONFIG_SECTION}.`,
  why:
    "The loader learns from this section what the kernel asks for: its stack, mappings and framebuffer. It looks for " +
    "it by name, so a file whose section headers were stripped is refused as well.",
  mend:
    "Declare the entry point with bootloader_api::entry_point!, and keep the section: KEEP(*(.bootloader-config)) in " +
    "the linker script, and do not use strip --strip-section-headers.",
  source: "rust-osdev/bootloader, common/src/lib.rs, Kernel::parse",
} as const satisfies Omit<Rule<never>, "broken">;

/** The rule about configurations that cannot be read. */
const BAD_CONFIG = {
  id: "bad-bootloader-config",
  outcome: "refuses",
  about: `The section ${CONFIG_SECTION} is not as long as the loader expects, or holds an invalid value.`,
  why:
    "Each release of bootloader_api that adds a field to the configuration makes it longer, and the loader accepts " +
    "its own length only: 115 bytes in 0.11.0, 124 in 0.11.1 to 0.11.10, 133 since 0.11.11.",
  mend: "Use the same version of bootloader_api in the kernel as of bootloader in the image builder.",
  source: "rust-osdev/bootloader, api/src/config.rs, BootloaderConfig::deserialize",
} as const satisfies Omit<Rule<never>, "broken">;

/** The lengths that a release with the rules of this profile accepts. */
const LENGTHS: readonly number[] = [124, 133];

/** The crate, version 0.11. */
export const bootloader011: Loader = {
  name: "bootloader-0.11",
  title: "rust-osdev/bootloader 0.11",
  versions: "0.11.1 to 0.11.16",
  protocols: ["bootloader"],
  parts: bootloader.parts,
  rules: [MISSING_CONFIG, BAD_CONFIG],
  judge: (model, circumstances, file) => {
    const protocol = bootloader.recognize(model);
    const refusal = isParsed(model) ? judgeConfig(protocol) : undefined;
    if (refusal) return refusal;
    const { kernelBase = fixedBase(protocol) } = circumstances;
    return judgeCrate("bootloader-0.11", model, { ...circumstances, kernelBase }, file);
  },
};

/** Whether the loader gets as far as to look for the section: it parses the file header first. */
function isParsed({ elf }: FileModel): boolean {
  return elf !== undefined && [ELFCLASS32, ELFCLASS64].includes(elf.fileHeader.EI_CLASS);
}

function fixedBase(protocol: BootloaderProtocol | undefined): bigint | undefined {
  const base = protocol?.config?.kernelBase;
  return typeof base === "bigint" ? base : undefined;
}

function judgeConfig(protocol: BootloaderProtocol | undefined): Judgement | undefined {
  if (!protocol) {
    const { id, outcome, words, mend } = MISSING_CONFIG;
    const message = `The file has no section ${CONFIG_SECTION}, which kernels that use bootloader_api have.`;
    return { outcome, rule: id, words, message, hint: mend };
  }
  const fault = protocol.fault ?? otherRelease(protocol);
  if (!fault) return undefined;
  const { id, outcome, mend } = BAD_CONFIG;
  return {
    outcome,
    rule: id,
    words: `kernel was compiled with incompatible bootloader_api version: "${fault.error}"`,
    offset: protocol.offset + fault.at,
    message: `The section ${CONFIG_SECTION} cannot be read. ${fault.message}`,
    hint: mend,
  };
}

function otherRelease({ length, releases }: BootloaderProtocol): ConfigFault | undefined {
  if (LENGTHS.includes(length)) return undefined;
  return { error: "invalid len", at: 0, message: `It has ${length} bytes, which is the length in ${releases}.` };
}
