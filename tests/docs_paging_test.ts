/** What docs/paging.md shows of the command line is what it prints; a line with "…" stands for lines that are left out. */

import { assert, assertEquals } from "@std/assert";
import { kload, pathOf } from "./cli/kload.ts";

const TEXT = await Deno.readTextFile(pathOf("docs/paging.md"));
const BLOCKS = [...TEXT.matchAll(/^```console\n\$ kload (.*)\n([\s\S]*?)^```/gm)];

Deno.test("docs/paging.md shows outputs", () => {
  assert(BLOCKS.length > 10);
});

/** What is shown, as pieces of the output that follow each other. */
function pieces(shown: string): readonly string[] {
  return `\n${shown}`.split("\n…\n").map((piece) => piece.replace(/^\n+/, "").replace(/\n*$/, "\n"));
}

for (const [, line, shown] of BLOCKS) {
  const first = pieces(shown).find((piece) => piece.trim() !== "")?.split("\n")[0];
  Deno.test(`docs/paging.md shows what kload ${line} prints: ${first}`, async () => {
    const { status, stdout, stderr } = await kload(line.split(" "), { cwd: pathOf(".") });
    assertEquals([status, stderr], [0, ""]);
    if (!shown.includes("…")) return assertEquals(stdout, shown);
    let at = 0;
    for (const piece of pieces(shown).filter((piece) => piece.trim() !== "")) {
      const found = `\n${stdout}`.indexOf(`\n${piece}`, at);
      assert(found >= 0, `not in the output:\n${piece}\nof:\n${stdout}`);
      at = found + piece.length;
    }
  });
}
