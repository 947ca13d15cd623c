/** GRUB is asked again, about a sample of the recorded answers and about kernels that nobody has looked at. */

import { assertEquals } from "@std/assert";
import { checkKernel } from "../../loaders/check_kernel.ts";
import { testWithTools } from "../tools.ts";
import { type Family, generateKernel, MULTIBOOT, MULTIBOOT2 } from "./generate/generate.ts";
import { MULTIBOOT2_CASES, MULTIBOOT_CASES } from "./grub_cases.ts";
import { type GrubAnswer, type GrubCommand, type GrubOracle, grubTools, startGrubOracle } from "./grub_oracle.ts";

const FIXTURES = new URL("../fixtures/loaders/", import.meta.url);

/** One question to GRUB. */
interface Case {
  readonly name: string;
  readonly command: GrubCommand;
  readonly kernel: Uint8Array;
}

/** Every n-th recorded answer other than that there is no header. */
function recorded(folder: string, step: number): readonly (Case & { readonly answer: GrubAnswer })[] {
  const lines = Deno.readTextFileSync(new URL(`${folder}answers.jsonl`, FIXTURES)).trim().split("\n");
  return lines.map((line) => JSON.parse(line)).flatMap((answers) => {
    return (["multiboot", "multiboot2"] as const).map((command) => ({
      name: `${answers.name} ${command}`,
      command,
      kernel: Deno.readFileSync(new URL(folder + answers.name, FIXTURES)),
      answer: answers[`grub-${command}`],
    }));
  }).filter(({ answer }) => answer.words !== "no multiboot header found" && answer.outcome !== "fails")
    .filter((_, index) => index % step === 0);
}

function generated(family: Family, command: GrubCommand, seeds: readonly number[]): readonly Case[] {
  return seeds.map((seed) => {
    const { name, bytes } = generateKernel(family, seed);
    return { name, command, kernel: bytes };
  });
}

/** Asks about all cases, two at a time, and returns what each answer came to. */
async function askAll<C extends Case>(
  oracle: GrubOracle,
  cases: readonly C[],
  judge: (answer: GrubAnswer, question: C) => Promise<string | undefined> | string | undefined,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const left = [...cases];
  const worker = async (): Promise<void> => {
    for (let question; (question = left.shift());) {
      const fault = await judge(await oracle.ask(question), question);
      if (fault !== undefined) wrong.push(`${question.name}: ${fault}`);
    }
  };
  await Promise.all([worker(), worker()]);
  return wrong;
}

function describe({ outcome, words }: { readonly outcome: string; readonly words?: string }): string {
  return outcome === "refuses" ? `refuses, "${words}"` : outcome;
}

testWithTools(grubTools(), "GRUB still gives the recorded answers", async () => {
  await using oracle = startGrubOracle();
  const cases = [...recorded("", 9), ...recorded("probes/", 9)];
  const wrong = await askAll(oracle, cases, (answer, { answer: expected }) => {
    return describe(answer) === describe(expected) ? undefined : `GRUB ${describe(answer)}`;
  });
  assertEquals(wrong, []);
});

testWithTools(grubTools(), "GRUB does with one kernel for each rule what the rule says", async () => {
  await using oracle = startGrubOracle();
  const wrong = await askAll(oracle, [...MULTIBOOT_CASES, ...MULTIBOOT2_CASES], (answer, expected) => {
    return describe(answer) === describe(expected) ? undefined : `GRUB ${describe(answer)}`;
  });
  assertEquals(wrong, []);
});

testWithTools(grubTools(), "verdicts are what GRUB does with kernels that have two deviations", async () => {
  await using oracle = startGrubOracle();
  const seeds = Array.from({ length: 12 }, (_, index) => index);
  const cases = [...generated(MULTIBOOT, "multiboot", seeds), ...generated(MULTIBOOT2, "multiboot2", seeds)];
  const wrong = await askAll(oracle, cases, async (answer, { command, kernel }) => {
    const { verdicts: [verdict] } = await checkKernel(kernel, { loaders: [`grub-${command}`] });
    return describe(answer) === describe(verdict)
      ? undefined
      : `GRUB ${describe(answer)}; the verdict is ${describe(verdict)} (${verdict.rule})`;
  });
  assertEquals(wrong, []);
});
