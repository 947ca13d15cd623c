/** Tasks run by hand say what they take, and do not run when they are asked for something else. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { taskOptions } from "./task_options.ts";
import { fromFileUrl } from "@std/path/from-file-url";

const read = (...args: string[]) => taskOptions(args, "Usage: …", { seed: "1", only: "" }, ["seed"]);

Deno.test("options that are not given have their defaults", () => {
  assertEquals(read(), { values: { seed: "1", only: "" } });
  assertEquals(read("--seed", "7", "--only=core"), { values: { seed: "7", only: "core" } });
});

Deno.test("--help is the usage, whatever else is given", () => {
  for (const args of [["--help"], ["-h"], ["--seed", "x", "--help"]]) {
    assertEquals(read(...args), { text: "Usage: …", status: 0 });
  }
});

const WRONG = [["--bogus"], ["extra"], ["--seed"], ["--seed", "x"], ["--seed", "1.5"], ["--seed=-1"], ["--seed="]];
for (const args of WRONG) {
  Deno.test(`${args.join(" ")} is refused, with the usage`, () => {
    const answer = read(...args);
    assert("text" in answer && answer.status === 2);
    assertStringIncludes(answer.text, args[0].split("=")[0]);
    assertStringIncludes(answer.text, "\n\nUsage: …");
  });
}

for (const task of ["fuzz/main.ts", "mutation/run.ts"]) {
  for (const [arg, code] of [["--help", 0], ["--bogus", 2]] as const) {
    Deno.test(`${task} ${arg} explains itself, and runs nothing`, async () => {
      const path = fromFileUrl(new URL(task, import.meta.url));
      const args = ["run", "--quiet", "--allow-read", "--allow-env", path, arg]; // no permission to run or write
      const { code: status, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
      const [text, nothing] = (code === 0 ? [stdout, stderr] : [stderr, stdout]).map((it) =>
        new TextDecoder().decode(it)
      );
      assertEquals([status, nothing], [code, ""]);
      assertStringIncludes(text, "Usage: deno task ");
    });
  }
}
