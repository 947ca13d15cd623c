/**
 * Runs the handlers of plugins: those of phase "load" with their segment, then the later phases.
 *
 * @module
 */

import type { Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import type { UsedLevel4Entries } from "../paging/used_level4_entries.ts";
import { atHeader } from "../pipeline/at_header.ts";
import { level4Usage } from "../stages/l4_usage/level4_usage.ts";
import { clearMarks } from "../address_space/unshare.ts";
import type { AnyPlugin, Claim, Phase, PluginList } from "./plugin.ts";
import { pluginContext } from "./plugin_context.ts";
import type { Base, Checked, ImageStage, Loading, Parsed, Reserved, SegmentStage } from "../pipeline/stage.ts";

type Needs = Base & Parsed & Checked & Loading;

/** The stages that run a list's handlers, and what these have found. */
export interface HandlerStages {
  /** Runs the handlers of phase "load", as the last stage for each header. */
  readonly load: SegmentStage<Needs, Reserved, "load-handlers">;
  /** Runs what is left of phase "load", then the phases "relocate" and "seal". */
  readonly later: ImageStage<Needs, Partial<Reserved>, "later-handlers">;
  /** What each plugin's handlers returned last, by the plugin's name. */
  readonly results: ReadonlyMap<string, unknown>;
}

/**
 * Makes the stages that run handlers, for one load. Within a phase headers are met in table order; a plugin that needs
 * another's results meets its headers when the others have met all of theirs.
 *
 * @param list The plugins.
 * @returns The stages. What a handler throws becomes a `LoadError` "plugin-failed"; a `LoadError` gets the index.
 */
export function handlerStages({ plugins, claimsOn }: PluginList): HandlerStages {
  const results = new Map<string, unknown>();
  let usage: UsedLevel4Entries | undefined;
  const reserved = () => usage ? { reservedLevel4Entries: usage } : {};

  const handle = async (phdr: Segment, { plugin, handler }: Claim, context: Needs): Promise<void> => {
    usage ??= level4Usage(context);
    try {
      const given = pluginContext(plugin, context, usage, results);
      const found = await handler.handle(phdr, given, results.get(plugin.name) as never);
      if (found !== undefined) results.set(plugin.name, found);
    } catch (cause) {
      if (cause instanceof LoadError) throw atHeader(cause, phdr, context.segments);
      const place = { index: phdr.index, field: "plugin", value: plugin.name };
      throw new LoadError("plugin-failed", place, { cause });
    }
  };
  const handleAll = async (phase: Phase, context: Needs, among: readonly AnyPlugin[]): Promise<void> => {
    for (const phdr of context.segments) {
      for (const claim of claimsOn(phdr.p_type, context.fileHeader.e_machine)) {
        if (phaseOf(claim) === phase && among.includes(claim.plugin)) await handle(phdr, claim, context);
      }
    }
  };
  const waiting = plugins.filter(({ dependsOn = [] }) => dependsOn.length > 0);
  const ready = plugins.filter((plugin) => !waiting.includes(plugin));

  return {
    results,
    load: {
      name: "load-handlers",
      needs: ["fileHeader", "segments"],
      adds: ["reservedLevel4Entries"],
      segment: async (phdr, context) => {
        for (const claim of claimsOn(phdr.p_type, context.fileHeader.e_machine)) {
          if (phaseOf(claim) === "load" && ready.includes(claim.plugin)) await handle(phdr, claim, context);
        }
        return reserved();
      },
    },
    later: {
      name: "later-handlers",
      needs: ["fileHeader", "segments", "memory"],
      adds: ["reservedLevel4Entries"],
      run: async (context) => {
        for (const phase of ["load", "relocate", "seal"] as const) {
          if (phase !== "load") await handleAll(phase, context, ready);
          for (const plugin of waiting) await handleAll(phase, context, [plugin]);
        }
        if (context.rules.ownership === "mark") clearMarks(context);
        return reserved();
      },
    },
  };
}

function phaseOf({ handler }: Claim): Phase {
  return handler.phase ?? "load";
}
