/**
 * What kload itself does with a file, under its default rules and with the plugins that its command line uses.
 *
 * @module
 */

import { presets } from "../plugins/presets.ts";
import { DAMAGED_CONTAINER } from "./contents.ts";
import { ENTRY_NOT_EXECUTABLE, judgeLoad } from "./load/judge_load.ts";
import type { Loader } from "./loader.ts";

/** kload. */
export const kload: Loader = {
  name: "kload",
  title: "kload",
  versions: "this one",
  protocols: [],
  unpacks: { formats: ["gzip", "xz", "zstd", "lz4", "lz4-legacy", "bzip2", "lzma", "bzimage"] },
  parts: [],
  rules: [DAMAGED_CONTAINER, ENTRY_NOT_EXECUTABLE],
  judge: (model, { kernelBase, maxMemory, signal }, file) => {
    const options = { ...presets.default, kernelBase, maxMemory, signal };
    return judgeLoad(model, file, { options, wordsOf: ({ message }) => message });
  },
};
