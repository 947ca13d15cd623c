/** Runs groups, each in a process of its own, prints the table and returns the exit status. */

import { parseArgs } from "node:util";
import { chosen } from "./choose.ts";
import type { Result, Verdict } from "./measure.ts";
import { formatResult, HEADER } from "./table.ts";
import type { Group } from "./workload.ts";

const USAGE = `Usage: deno task bench [--filter TEXT] [--quick] [--json] [--list]

Compares kload with its floors, and fails where an aim is missed. bench/README.md explains the table.

  --filter TEXT  Only workloads whose name, or whose group's name, contains TEXT
  --quick        Fewer rounds, within a minute
  --json         The same as data
  --list         Only print the names`;

/** What a run is given. */
export interface BenchOptions {
  /** The command line. */
  readonly args: readonly string[];
  /** URL of the module whose `groups` are run. */
  readonly registry: URL;
  /** Prints a line. */
  readonly print?: (line: string) => void;
}

/**
 * Runs what the command line asks for.
 *
 * @returns The exit status: 0 if every aim was reached, 1 if one was missed or a group failed, 2 for wrong usage.
 */
export async function runBench({ args, registry, print = console.log }: BenchOptions): Promise<number> {
  const flags = parse(args);
  if (typeof flags === "string") {
    print(`${flags}\n\n${USAGE}`);
    return 2;
  }
  if (flags.help) {
    print(USAGE);
    return 0;
  }
  const { groups } = await import(registry.href) as { readonly groups: readonly Group[] };
  const asked = chosen(groups, flags.filter);
  if (asked.length === 0) {
    print(`No workload has ${JSON.stringify(flags.filter)} in its name.`);
    return 2;
  }
  if (flags.list) {
    for (const { name, workloads } of asked) for (const workload of workloads) print(`${name}: ${workload.name}`);
    return 0;
  }
  const results: Result[] = [];
  const failed: string[] = [];
  if (!flags.json) print(HEADER);
  for (const { name } of asked) {
    if (!flags.json) print(name);
    const groupArgs = [registry.href, name, flags.quick ? "quick" : "full", flags.filter ?? ""];
    const succeeded = await runGroup(groupArgs, (result) => {
      results.push(result);
      if (!flags.json) print(formatResult(result));
    });
    if (!succeeded) failed.push(name);
  }
  if (flags.json) print(JSON.stringify({ results, failed }, null, 2));
  else print(summary(results, failed));
  return failed.length > 0 || results.some(isFault) ? 1 : 0;
}

/** A row that has an aim has to reach it. */
function isFault({ verdict, aim }: Result): boolean {
  return verdict === "missed" || (verdict === "failed" && aim !== undefined);
}

interface Flags {
  readonly help?: boolean;
  readonly filter?: string;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly list?: boolean;
}

/** Returns what is wrong if the command line is. */
function parse(args: readonly string[]): Flags | string {
  const options = {
    help: { type: "boolean", short: "h" },
    filter: { type: "string" },
    quick: { type: "boolean" },
    json: { type: "boolean" },
    list: { type: "boolean" },
  } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return error.message;
  }
}

/** Runs a group in a process; returns whether it ended well. */
async function runGroup(args: readonly string[], onResult: (result: Result) => void): Promise<boolean> {
  const script = new URL("./run_group.ts", import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-lock", script, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  await using child = command.spawn();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onResult(JSON.parse(line));
  }
  return (await child.status).success;
}

function summary(results: readonly Result[], failed: readonly string[]): string {
  const count = (asked: Verdict): number => results.filter(({ verdict }) => verdict === asked).length;
  const parts = [`${count("ok")} ok`, `${count("missed")} missed`, `${count("info")} without an aim`];
  if (count("failed") > 0) parts.push(`${count("failed")} could not be measured`);
  if (failed.length > 0) parts.push(`these groups ended early: ${failed.join(", ")}`);
  return parts.join(", ");
}
