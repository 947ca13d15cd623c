/**
 * What kload itself does with a file, under its default rules and with the plugins that its command line uses.
 *
 * @module
 */

import type { LoadError } from "../core/errors.ts";
import { UNPACKED_FORMATS } from "../formats/decoders.ts";
import { presets } from "../plugins/presets.ts";
import { DAMAGED_CONTAINER } from "./contents.ts";
import { takeArena } from "./load/arena.ts";
import { ENTRY_NOT_EXECUTABLE, judgeLoad, OUT_OF_MEMORY, sourceOf } from "./load/judge_load.ts";
import type { Loader } from "./loader.ts";

/** kload. */
export const kload: Loader = {
  name: "kload",
  title: "kload",
  versions: "this one",
  protocols: [],
  unpacks: { formats: UNPACKED_FORMATS },
  parts: [],
  rules: [DAMAGED_CONTAINER, ENTRY_NOT_EXECUTABLE],
  judge: async (model, { kernelBase, maxMemory = MAX_MEMORY, signal }, file) => {
    const preset = { ...presets.default, kernelBase, signal };
    const arena = takeArena(file, maxMemory - MARGIN);
    if (arena) {
      const { memory, source } = arena;
      const options = { ...preset, memory, kernelOffset: memory.base + source.byteOffset };
      const judgement = await judgeLoad(model, source, { options, file, wordsOf });
      if (!OUT_OF_MEMORY.includes(judgement.rule ?? "")) return judgement;
    }
    const options = { ...preset, maxMemory };
    return await judgeLoad(model, sourceOf(file), { options, file, wordsOf });
  },
};

/** The limit of a load. */
const MAX_MEMORY = 2 ** 32;

/** What a load that sizes its memory itself may take more than one in memory that is given to it. */
const MARGIN = 2 ** 22;

function wordsOf(_: LoadError, message: string): string {
  return message;
}
