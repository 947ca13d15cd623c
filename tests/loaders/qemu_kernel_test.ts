/** The verdicts on QEMU's -kernel, compared with what the real one said. */

import { assertEquals } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { qemuKernel } from "../../loaders/qemu_kernel.ts";
import { DEFAULT_MEMORY } from "../../loaders/check_kernel.ts";
import { recordedAnswers } from "./recorded_answers.ts";

for (const folder of ["", "probes/"]) {
  Deno.test(`qemu-kernel says what QEMU said of every file in ${folder || "the fixtures"}`, async () => {
    const wrong: string[] = [];
    for (const { name, path, answers } of recordedAnswers(folder)) {
      const file = keepFile(Deno.readFileSync(path));
      const model = await readModel(file, qemuKernel.parts);
      const { outcome, words, rule, message } = await qemuKernel.judge(model, { memory: DEFAULT_MEMORY }, file);
      const expected = answers["qemu-kernel"];
      if (outcome !== expected.outcome || words !== expected.words) {
        wrong.push(`${name}: ${JSON.stringify(expected)}, not ${outcome} "${words}" (${rule}: ${message})`);
      }
    }
    assertEquals(wrong, []);
  });
}
