/**
 * `kload plugins`: lists the plugins of a load and the program headers that they claim.
 *
 * @module
 */

import { type AnyPlugin, type RuleSetName, segmentTypeName } from "../../mod.ts";
import { checkPlugins } from "../../core/plugin/check_plugins.ts";
import { parseRules } from "../arguments/load_options.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { choosePlugins, clashHint } from "../arguments/plugin_choice.ts";
import { usageError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { table } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { versionedJson } from "../report/json.ts";
import { sections } from "../report/report_parts.ts";

/** One plugin, as it is listed. */
interface Listed {
  readonly name: string;
  /** Whether it is one of kload's own. */
  readonly builtIn: boolean;
  readonly claims: readonly { readonly type: string; readonly machine: number | null; readonly phase: string }[];
  readonly stages: readonly { readonly name: string; readonly place: string }[];
  readonly dependsOn: readonly string[];
}

/**
 * Lists the plugins.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @returns The exit status.
 */
export async function plugins({ values, lists }: Arguments, output: Output): Promise<number> {
  const named = values.get("rules");
  const rules: RuleSetName = named === undefined ? "default" : parseRules("rules", named);
  const choice = await choosePlugins(lists.get("plugin") ?? [], lists.get("no-plugin") ?? []);
  const listed = checked(await choice.pluginsFor(rules)).map((plugin) => {
    return listedPlugin(plugin, !choice.own.includes(plugin));
  });
  if (output.json) await output.print(versionedJson({ rules, plugins: listed }));
  else if (!output.quiet) await output.print(report(rules, listed, output));
  return 0;
}

/** Returns the same plugins if a load would accept them. */
function checked(list: readonly AnyPlugin[]): readonly AnyPlugin[] {
  try {
    checkPlugins(list);
    return list;
  } catch (error) {
    throw error instanceof TypeError ? usageError(error.message, clashHint(error)) : error;
  }
}

function listedPlugin({ name, handlers = [], stages = [], dependsOn = [] }: AnyPlugin, builtIn: boolean): Listed {
  return {
    name,
    builtIn,
    claims: handlers.map(({ type, machine = null, phase = "load" }) => ({
      type: segmentTypeName(type),
      machine,
      phase,
    })),
    stages: stages.map((placed) => {
      const place = "before" in placed ? `before ${placed.before}` : `after ${placed.after}`;
      return { name: placed.stage.name, place };
    }),
    dependsOn,
  };
}

function report(rules: RuleSetName, listed: readonly Listed[], { paint }: Output): string {
  const title = paint.title(`Plugins of the ${rules} rules`);
  if (listed.length === 0) return sections([[title, "  none"]]);
  const lines = table(["name", "claims"], listed, (plugin) => {
    const claims = plugin.claims.map(({ type, phase }) => phase === "load" ? type : `${type} (${phase})`);
    const stages = plugin.stages.map(({ name, place }) => `${name} ${place}`);
    const cells = [plugin.name, claims.join(", ") || "-"];
    const adds = stages.length === 0 ? [] : [`adds the stage${stages.length === 1 ? "" : "s"} ${stages.join(", ")}`];
    const remark = [...adds, ...(plugin.builtIn ? [] : ["added by --plugin"])].join("; ");
    return { cells: cells.map(printable), remark: printable(remark) };
  }, paint);
  return sections([[title, ...lines]]);
}
