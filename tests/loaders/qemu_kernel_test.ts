/** The verdicts on QEMU's -kernel, compared with what the real one said. */

import { assertEquals } from "@std/assert";
import { qemuKernel } from "../../loaders/qemu_kernel.ts";
import { judgeFile } from "./judge.ts";
import { makeQemuFile } from "./qemu_files.ts";
import { RARE_FILES } from "./qemu_rare_files.ts";
import { recordedAnswers } from "./recorded_answers.ts";

for (const folder of ["", "probes/"]) {
  Deno.test(`qemu-kernel says what QEMU said of every file in ${folder || "the fixtures"}`, async () => {
    const wrong: string[] = [];
    for (const { name, path, answers } of recordedAnswers(folder)) {
      const { outcome, words, rule, message } = await judgeFile(qemuKernel, Deno.readFileSync(path));
      const expected = answers["qemu-kernel"];
      if (outcome !== expected.outcome || words !== expected.words) {
        wrong.push(`${name}: ${JSON.stringify(expected)}, not ${outcome} "${words}" (${rule}: ${message})`);
      }
    }
    assertEquals(wrong, []);
  });
}

for (const { name, bytes, rule, answer } of RARE_FILES) {
  Deno.test(`qemu-kernel says what QEMU said of ${name}`, async () => {
    const verdict = await judgeFile(qemuKernel, bytes);
    assertEquals([verdict.rule, verdict.outcome, verdict.words], [rule, answer.outcome, answer.words], verdict.message);
  });
}

Deno.test("every rule of qemu-kernel is broken by a recorded, a rare or a generated file", async () => {
  const recorded = [...recordedAnswers(""), ...recordedAnswers("probes/")].map(({ path }) => Deno.readFileSync(path));
  const generated = Array.from({ length: 300 }, (_, seed) => makeQemuFile(seed).bytes);
  const broken = new Set<string | undefined>();
  for (const bytes of [...recorded, ...RARE_FILES.map((file) => file.bytes), ...generated]) {
    broken.add((await judgeFile(qemuKernel, bytes)).rule);
  }
  assertEquals([...new Set(qemuKernel.rules.map(({ id }) => id))].filter((id) => !broken.has(id)), []);
});
