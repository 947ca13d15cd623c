/** examples/check.yml is a workflow, and its command lines are right. */

import { parse } from "yaml";
import { assert, assertEquals } from "@std/assert";
import { checkRequest } from "../cli/arguments/check_options.ts";
import { chooseCommand, COMMANDS } from "../cli/arguments/command_table.ts";
import { parseArguments } from "../cli/arguments/parse_arguments.ts";

const TEXT = await Deno.readTextFile(new URL("../examples/check.yml", import.meta.url));

interface Step {
  readonly name?: string;
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly on: object;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly "runs-on": string; readonly steps: readonly Step[] }>>;
}

const workflow: Workflow = parse(TEXT);
const { steps } = workflow.jobs.check;
/** The command lines of kload, as a shell splits them. */
const lines = steps.flatMap(({ run = "" }) => run.split("\n")).filter((line) => line.includes("jsr:@kload/kload/cli"))
  .map((line) => line.replace(/^.*jsr:@kload\/kload\/cli /, "").replaceAll('"', "").split(" "));

Deno.test("the workflow runs on every push, may write results, and uploads the file that it writes", () => {
  assert("push" in workflow.on);
  assertEquals(workflow.permissions["security-events"], "write");
  const upload = steps.find(({ uses }) => uses?.startsWith("github/codeql-action/upload-sarif@"));
  const written = lines.flatMap((words) => words.includes(">") ? words.slice(words.indexOf(">") + 1) : []);
  assertEquals(written, [upload?.with?.sarif_file]);
  for (const { run, uses } of steps) assert((run === undefined) !== (uses === undefined));
});

Deno.test("the workflow's command lines are accepted: one prints the log, the other decides", () => {
  const requests = lines.map((words) => {
    const end = words.includes(">") ? words.indexOf(">") : words.length;
    const { name, own } = chooseCommand(words.slice(0, end));
    assertEquals(name, "check");
    const args = parseArguments(COMMANDS[name], own);
    assertEquals(args.source, "$KERNEL");
    const { sarif, failOn } = checkRequest(args);
    return { sarif, failOn };
  });
  assertEquals(requests, [{ sarif: true, failOn: "never" }, { sarif: false, failOn: "warning" }]);
});

Deno.test("the flags that the comments name are accepted too", () => {
  const named = [...TEXT.matchAll(/^ *# .*?(--for [\w,.-]*\w)/gm)].map(([, flag]) => flag.split(" "));
  assertEquals(named.length, 1);
  for (const words of named) {
    assertEquals(checkRequest(parseArguments(COMMANDS.check, ["FILE", ...words])).loaders, [
      "grub-multiboot2",
      "limine-12",
    ]);
  }
});
