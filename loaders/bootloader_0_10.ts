/**
 * What version 0.10 of rust-osdev/bootloader does with a file.
 *
 * @module
 */

import { judgeCrate } from "./bootloader/judge_crate.ts";
import type { Loader } from "./loader.ts";

/** The crate, version 0.10. Nothing in a file says that it is meant for it. */
export const bootloader010: Loader = {
  name: "bootloader-0.10",
  title: "rust-osdev/bootloader 0.10",
  versions: "0.10.0 to 0.10.10",
  protocols: [],
  parts: ["length"],
  rules: [],
  judge: (model, circumstances, file) => judgeCrate("bootloader-0.10", model, circumstances, file),
};
