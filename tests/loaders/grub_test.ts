/** What GRUB said of every file of the fixtures. */

import { assertEquals } from "@std/assert";
import { checkKernel } from "../../loaders/check_kernel.ts";

const FIXTURES = new URL("../fixtures/loaders/", import.meta.url);

const COMMANDS = ["grub-multiboot", "grub-multiboot2"] as const;

type Answers = Readonly<Record<typeof COMMANDS[number], { readonly outcome: string; readonly words?: string }>>;

for (const folder of ["", "probes/"]) {
  const lines = Deno.readTextFileSync(new URL(`${folder}answers.jsonl`, FIXTURES)).trim().split("\n");
  const files = lines.map((line) => JSON.parse(line) as Answers & { readonly name: string });

  Deno.test(`verdicts are GRUB's answers for the ${files.length} files of fixtures/loaders/${folder}`, async () => {
    const wrong: unknown[] = [];
    for (const { name, ...answers } of files) {
      const bytes = Deno.readFileSync(new URL(folder + name, FIXTURES));
      const { verdicts } = await checkKernel(bytes, { loaders: COMMANDS });
      for (const { loader, outcome, words, rule } of verdicts) {
        const { [loader as typeof COMMANDS[number]]: answer } = answers;
        const same = answer.outcome === outcome && (outcome !== "refuses" || answer.words === words);
        if (!same) wrong.push({ name, loader, answer, verdict: { outcome, words, rule } });
      }
    }
    assertEquals(wrong, []);
  });
}
