/**
 * Linux: its images for x86, with a setup header, and the kernel itself as an ELF file.
 *
 * @module
 */

import { type LinuxImage, recognizeImage } from "./linux/bzimage.ts";
import { type LinuxElf, recognizeVmlinux } from "./linux/vmlinux.ts";
import type { Recognizer } from "./protocol.ts";

/** Recognizes Linux kernels. */
export const linux: Recognizer<LinuxImage | LinuxElf> = {
  parts: ["head", "notes", "sections"],
  recognize: (file) => recognizeVmlinux(file) ?? recognizeImage(file),
};
