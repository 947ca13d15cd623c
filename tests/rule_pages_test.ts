/** docs/rules/ is what the tables of rules say: `deno task rules` writes it. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import type { Topic } from "../cli/report/topics.ts";
import { rulePages, writeRulePages } from "../tools/write_rules.ts";
import { withFolder } from "./cli/kload.ts";

const DOCS = new URL("../docs/rules/", import.meta.url);

function filesIn(folder: URL): Readonly<Record<string, string>> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(new URL(name, folder))]));
}

Deno.test("the pages of docs/rules are up to date; otherwise run deno task rules", async () => {
  await withFolder(async (folder) => {
    const url = new URL(`${toFileUrl(folder).href}/`);
    await Deno.writeTextFile(new URL("a-rule-of-before.md", url), "gone");
    await writeRulePages(url);
    assertEquals(filesIn(DOCS), filesIn(url));
  });
});

const RULE: Topic = {
  code: "phys-overlap",
  kind: "rule",
  about: "Two segments overlap in *physical* memory; `p_paddr` <decides>.",
  loaders: ["grub-multiboot", "grub-multiboot2"],
  outcome: "refuses",
  words: "overlap detected",
  why: "Each is loaded on its own.",
  hint: "Use AT(…) | LMA.",
  source: "grub: lib/relocator.c",
  versions: "2.06",
};

Deno.test("a page says whose rule it is, when it is broken, the words, why, what to do, and the source", () => {
  const text = rulePages([RULE]).get("phys-overlap.md") ?? "";
  for (
    const part of [
      "# phys-overlap\n",
      "## grub-multiboot and grub-multiboot2 refuse\n",
      "Two segments overlap in \\*physical\\* memory; `p_paddr` \\<decides>.\n",
      "- **Symptom:** `overlap detected`\n",
      "- **Why:** Each is loaded on its own.\n",
      "- **What to do:** Use AT(…) | LMA.\n",
      "- **Source:** grub: lib/relocator.c\n",
      "- **Versions:** 2.06\n",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("a rule that loaders have in different forms has a section for each form, and the index a row", () => {
  const other: Topic = { ...RULE, loaders: ["qemu-kernel"], outcome: "fails", words: undefined };
  const finding: Topic = { code: "a-finding", kind: "finding", about: "Odd | even.", severity: "info" };
  const pages = rulePages([RULE, other, finding, { code: "not-elf", kind: "error", about: "No ELF." }]);
  assertEquals([...pages.keys()], ["README.md", "a-finding.md", "phys-overlap.md"]);
  assertEquals(pages.get("phys-overlap.md")?.match(/^## .*$/gm), [
    "## grub-multiboot and grub-multiboot2 refuse",
    "## qemu-kernel fails",
  ]);
  const rows = pages.get("README.md")?.split("\n").filter((line) => line.startsWith("| ["));
  assertEquals(rows, [
    "| [`a-finding`](a-finding.md) | finding (info) | Odd \\| even. |",
    "| [`phys-overlap`](phys-overlap.md) | `grub-multiboot`, `grub-multiboot2`, `qemu-kernel` | " +
    "Two segments overlap in \\*physical\\* memory; `p_paddr` \\<decides>. |",
  ]);
});

Deno.test("a rule that is an error of kload's own too says both, and the index has the rule's sentence", () => {
  const error: Topic = { code: RULE.code, kind: "error", about: "`p_paddr` is taken.", hint: "Move it." };
  const pages = rulePages([error, RULE]);
  const text = pages.get("phys-overlap.md") ?? "";
  assertEquals(text.match(/^## .*$/gm), ["## An error of kload's own", "## grub-multiboot and grub-multiboot2 refuse"]);
  for (
    const part of ["`p_paddr` is taken.\n", "- **What to do:** Move it.\n", "[errors and diagnostics](../errors.md)\n"]
  ) assertStringIncludes(text, part);
  assertStringIncludes(
    pages.get("README.md") ?? "",
    "| [`phys-overlap`](phys-overlap.md) | kload's own error, `grub-multiboot`, `grub-multiboot2` | Two segments",
  );
});
