/**
 * Adds plugins to a list of stages: their stages at their places, their handlers after the last segment stage.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { HandlerStages } from "./handlers.ts";
import type { PluginList } from "./check_plugins.ts";
import type { PlacedStage } from "./plugin.ts";
import type { Stage } from "../pipeline/stage.ts";

/** The names of the stages that run handlers. */
export const HANDLER_STAGES: readonly string[] = ["load-handlers", "later-handlers"];

/**
 * Adds the stages and handlers of plugins to a list of stages.
 *
 * @param stages The pipeline's own stages.
 * @param list The plugins.
 * @param handlers The stages that run their handlers.
 * @returns The complete list.
 * @throws {TypeError} If the place of a stage does not exist, or there are handlers but no segment stage.
 */
export function withPlugins(stages: readonly Stage[], list: PluginList, handlers: HandlerStages): readonly Stage[] {
  const lastSegment = stages.findLastIndex((stage) => "segment" in stage);
  const grown: Stage[] = [...stages];
  if (lastSegment >= 0) {
    grown.splice(lastSegment + 1, 0, ...(list.plugins.length > 0 ? [handlers.load] : []), handlers.later);
  } else {
    const claiming = list.plugins.find((plugin) => (plugin.handlers ?? []).length > 0);
    if (claiming) throw new TypeError(`Cannot use plugin "${claiming.name}": the pipeline loads no segments`);
  }
  const lastAfter = new Map<string, Stage>();
  for (const { name, stages: placed = [] } of list.plugins) {
    for (const one of placed) put({ ...one, stage: guarded(one.stage, name) }, name, grown, lastAfter);
  }
  return grown;
}

/** Puts a stage at its place. Stages after the same one keep the order of their plugins, each followed by its own. */
function put(placed: PlacedStage, plugin: string, grown: Stage[], lastAfter: Map<string, Stage>): void {
  const name = "before" in placed ? placed.before : placed.after;
  const index = grown.findIndex((stage) => stage.name === name);
  if (index < 0) {
    const who = `stage "${placed.stage.name}" of plugin "${plugin}"`;
    throw new TypeError(`Cannot place ${who}: the pipeline has no stage "${name}"`);
  }
  if ("before" in placed) {
    grown.splice(index, 0, placed.stage);
    return;
  }
  let last = grown[index];
  for (let next = lastAfter.get(last.name); next; next = lastAfter.get(last.name)) last = next;
  grown.splice(grown.indexOf(last) + 1, 0, placed.stage);
  lastAfter.set(name, placed.stage);
}

/** Wraps a stage so that its errors become a `LoadError` "plugin-failed". */
function guarded(stage: Stage, plugin: string): Stage {
  const guard = async (work: () => unknown): Promise<unknown> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof LoadError) throw cause;
      throw new LoadError("plugin-failed", { field: "plugin", value: plugin }, { cause });
    }
  };
  return "segment" in stage
    ? { ...stage, segment: (phdr, context) => guard(() => stage.segment(phdr, context)) }
    : { ...stage, run: (context) => guard(() => stage.run(context)) };
}
