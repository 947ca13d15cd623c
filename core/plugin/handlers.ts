/**
 * Runs the handlers of plugins: those of phase "load" with their segment, then the later phases.
 *
 * @module
 */

import { atHeader } from "../address_space/segment_of_page.ts";
import type { Segment } from "../elf/program_header.ts";
import { LoadError } from "../errors.ts";
import {
  type ImageStage,
  imageStage,
  NOTHING,
  type Reads,
  type SegmentStage,
  segmentStage,
} from "../pipeline/stage.ts";
import type { Claim, PluginList } from "./check_plugins.ts";
import type { AnyPlugin, Phase } from "./plugin.ts";
import { pluginContext } from "./plugin_context.ts";

const NEEDS = [
  "rules",
  "pause",
  "report",
  "fileHeader",
  "programHeaders",
  "segments",
  "virtualAddressOffset",
  "signedOffset",
  "entryPoint",
  "addressSpace",
  "fileBytes",
] as const;

type Needs = Reads<(typeof NEEDS)[number]>;

/** The stages that run the handlers of a list of plugins, and what those found. */
export interface HandlerStages {
  /** Runs the "load" handlers of the plugins that depend on no others. */
  readonly load: SegmentStage<"load-handlers", Needs, Record<never, never>>;
  /** Runs the rest of phase "load", then the phases "relocate" and "seal". */
  readonly later: ImageStage<"later-handlers", Needs & Reads<"endMarks">, Record<never, never>>;
  /** What the handlers of each plugin last returned, by the name of the plugin. */
  readonly results: ReadonlyMap<string, unknown>;
}

/**
 * Creates the stages that run handlers, for one load. Within a phase, headers are handled in table order. A plugin that
 * depends on others handles its headers after they have handled all of theirs.
 *
 * @param list The plugins.
 * @returns The stages. An error from a handler becomes a `LoadError` "plugin-failed"; a `LoadError` gets the header's
 * index.
 */
export function handlerStages({ plugins, claimsOn }: PluginList): HandlerStages {
  const results = new Map<string, unknown>();
  const handle = async (segment: Segment, { plugin, handler }: Claim, context: Needs): Promise<void> => {
    try {
      const given = pluginContext(plugin.dependsOn ?? [], context, results);
      const found = await handler.handle(segment, given, results.get(plugin.name) as never);
      if (found !== undefined) results.set(plugin.name, found);
    } catch (cause) {
      if (cause instanceof LoadError) throw atHeader(cause, segment, context);
      const place = { index: segment.index, field: "plugin", value: plugin.name };
      throw new LoadError("plugin-failed", place, { cause });
    }
  };
  const handleOne = async (
    phase: Phase,
    segment: Segment,
    claims: readonly Claim[],
    context: Needs,
    among: readonly AnyPlugin[],
  ): Promise<Record<never, never>> => {
    for (const claim of claims) {
      if (phaseOf(claim) !== phase || !among.includes(claim.plugin)) continue;
      await handle(segment, claim, context);
      const pausing = context.pause();
      if (pausing) await pausing;
    }
    return NOTHING;
  };
  const handleAll = async (phase: Phase, context: Needs, among: readonly AnyPlugin[]): Promise<void> => {
    if (among.length === 0) return;
    for (const segment of context.segments) {
      const claims = claimsOn(segment.p_type, context.fileHeader.e_machine);
      if (claims.length > 0) await handleOne(phase, segment, claims, context, among);
    }
  };
  const handleLater = async (context: Needs & Reads<"endMarks">): Promise<Record<never, never>> => {
    for (const phase of ["load", "relocate", "seal"] as const) {
      if (phase !== "load") await handleAll(phase, context, ready);
      for (const plugin of waiting) await handleAll(phase, context, [plugin]);
    }
    await context.endMarks();
    return NOTHING;
  };
  const waiting = plugins.filter(({ dependsOn = [] }) => dependsOn.length > 0);
  const ready = plugins.filter((plugin) => !waiting.includes(plugin));

  return {
    results,
    load: segmentStage("load-handlers", { needs: NEEDS }, (segment, context) => {
      const claims = claimsOn(segment.p_type, context.fileHeader.e_machine);
      return claims.length > 0 ? handleOne("load", segment, claims, context, ready) : NOTHING;
    }),
    later: imageStage("later-handlers", { needs: [...NEEDS, "endMarks"] }, (context) => {
      if (plugins.length > 0) return handleLater(context);
      return context.endMarks()?.then(() => NOTHING) ?? NOTHING;
    }),
  };
}

function phaseOf({ handler }: Claim): Phase {
  return handler.phase ?? "load";
}
