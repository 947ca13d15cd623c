/** Tests that compare with tools of the system: left out where one is missing, unless KLOAD_REQUIRE_TOOLS is set. */

import { assert } from "@std/assert";

/** Whether a command is there. */
export function hasTool(tool: string): boolean {
  try {
    return new Deno.Command(tool, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A test that needs tools; its name says which one is missing where it is left out. */
export function testWithTools(tools: readonly string[], name: string, fn: () => Promise<void>): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  const required = Deno.env.get("KLOAD_REQUIRE_TOOLS") !== undefined;
  const reason = missing.length > 0 && !required ? ` (left out: no ${missing.join(", ")})` : "";
  Deno.test({ name: name + reason, ignore: reason !== "", fn });
}

/** Runs a tool, which has to succeed, and gives what it prints. */
export async function runTool(tool: string, args: readonly string[]): Promise<string> {
  const command = new Deno.Command(tool, { args: [...args], env: { LC_ALL: "C" }, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  assert(success, `${tool} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
