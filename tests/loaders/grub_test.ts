/** What GRUB said of every file of the fixtures. */

import { assertEquals } from "@std/assert";
import { checkKernel } from "../../loaders/check_kernel.ts";
import { grubMultiboot } from "../../loaders/grub_multiboot.ts";
import { grubMultiboot2 } from "../../loaders/grub_multiboot2.ts";
import { GUEST } from "./generate/kernel.ts";
import { generateKernel, MULTIBOOT, MULTIBOOT2 } from "./generate/generate.ts";
import { MULTIBOOT2_CASES, MULTIBOOT_CASES } from "./grub_cases.ts";

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

for (const { name, command, kernel, ...expected } of [...MULTIBOOT_CASES, ...MULTIBOOT2_CASES]) {
  Deno.test(`the verdict of GRUB's ${command} on ${name}`, async () => {
    const { verdicts: [verdict] } = await checkKernel(kernel, { loaders: [`grub-${command}`] });
    const { outcome, words, rule, index, offset } = verdict;
    const found = { outcome, words, rule, index, offset };
    assertEquals(found, { words: undefined, rule: undefined, index: undefined, offset: undefined, ...expected });
    assertEquals(verdict.message === undefined, outcome === "boots");
    assertEquals(verdict.hint === undefined, outcome === "boots");
  });
}

Deno.test("each rule has a kernel that breaks it", () => {
  const broken = new Set([...MULTIBOOT_CASES, ...MULTIBOOT2_CASES].map(({ rule }) => rule));
  const rules = [...grubMultiboot.rules, ...grubMultiboot2.rules].map(({ id }) => id);
  assertEquals([...new Set(rules)].filter((id) => !broken.has(id)), []);
});

Deno.test("a verdict depends on the machine's memory", async () => {
  const { kernel } = MULTIBOOT2_CASES.find(({ name }) => name === "data above the memory")!;
  const outcomes = await Promise.all([2 ** 28, 2 ** 29].map(async (memory) => {
    const { verdicts } = await checkKernel(kernel, { loaders: ["grub-multiboot2"], memory });
    return verdicts[0].outcome;
  }));
  assertEquals(outcomes, ["refuses", "boots"]);
});

Deno.test("a verdict is the same for a stream, whose length is not known before its end", async () => {
  for (const { kernel, command, outcome, rule } of [...MULTIBOOT_CASES, ...MULTIBOOT2_CASES]) {
    const stream = new Response(kernel.slice()).body!;
    const { verdicts: [verdict] } = await checkKernel(stream, { loaders: [`grub-${command}`] });
    assertEquals([verdict.outcome, verdict.rule], [outcome, rule]);
  }
});

Deno.test("of a file that can be read anywhere, only headers are read", async () => {
  const { kernel } = MULTIBOOT2_CASES[0];
  const size = 2 ** 30;
  let read = 0;
  const readAt = (offset: number, buffer: Uint8Array): number => {
    const count = Math.min(buffer.length, size - offset);
    buffer.fill(0).set(kernel.subarray(offset, offset + count));
    read += count;
    return count;
  };
  const { verdicts } = await checkKernel({ size, readAt }, { loaders: COMMANDS });
  assertEquals(verdicts.map(({ outcome }) => outcome), ["refuses", "boots"]);
  assertEquals(read < 2 ** 17, true, `${read} bytes were read`);
});

Deno.test("whatever the bytes are, there is a verdict", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const { bytes } = generateKernel(seed % 2 === 0 ? MULTIBOOT : MULTIBOOT2, seed);
    for (let at = seed % 7; at < 0x200; at += 1 + seed % 13) bytes[at] = bytes[at] * 31 + seed;
    const { verdicts } = await checkKernel(bytes, { loaders: COMMANDS });
    assertEquals(verdicts.length, 2);
  }
});

Deno.test("the guest's code is the same in both modes", () => {
  // mov dx, imm16 has the operand-size prefix; nothing else depends on the mode.
  assertEquals([...GUEST].filter((byte) => byte === 0x66).length, 2);
});
