/** The cases that every test run tries: the same ones each time, in four parts. */

import { assert, assertEquals } from "@std/assert";
import { runCases } from "./fuzz.ts";
import { RULE_SETS } from "./setup.ts";

const PARTS = 4;
const CASES = 20_000;

/** Defines the test of a part, 1 to 4. */
export function testPart(part: number): void {
  const runs = CASES / PARTS;
  Deno.test(`loads of random files keep their promises, and the models agree (part ${part} of ${PARTS})`, async () => {
    const { outcomes, judged, failures } = await runCases({ seed: 1, from: (part - 1) * runs, runs });
    assertEquals(failures.map(({ text }) => text).join("\n"), "");
    // A generator that only made rubbish would find nothing.
    assert(judged > runs * 0.6, `${judged} of ${runs} cases were judged by a model`);
    for (const rules of RULE_SETS) {
      const accepted = outcomes.get(`${rules} accepted`) ?? 0;
      assert(accepted > runs / 20, `${accepted} of ${runs} cases were kernels that the rules ${rules} accept`);
    }
  });
}
