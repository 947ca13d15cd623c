/** Findings on PVH kernels: a kernel that has each, and a neighbour that has none. */

import { assertEquals } from "@std/assert";
import { checkKernel } from "../../loaders/check_kernel.ts";
import { BUILD_ID, CODE, dataAt, entryNote, joined, pvhKernel, type PvhSpec } from "./pvh_kernels.ts";

const CASES: readonly (readonly [rule: string, has: PvhSpec, hasNot: PvhSpec])[] = [
  [
    "pvh-entries-differ",
    { notes: joined(entryNote(), entryNote(CODE + 1)) },
    { notes: joined(entryNote(), BUILD_ID, entryNote()) },
  ],
  [
    "bss-not-zeroed-by-vmm",
    { more: [dataAt(0x20_0000n, { p_memsz: 0x1001n }), dataAt(0x20_1000n)] },
    { more: [dataAt(0x20_0000n, { p_memsz: 0x1000n }), dataAt(0x20_1000n)] },
  ],
  [
    "bss-not-zeroed-by-vmm",
    { more: [dataAt(0x20_1000n), dataAt(0x20_0000n, { p_memsz: 0x1_0000n })] },
    { more: [dataAt(0x20_1000n, { filesz: 0, p_memsz: 0x100n }), dataAt(0x20_0000n, { p_memsz: 0x1_0000n })] },
  ],
  ["class-unchecked", { header: { EI_CLASS: 1 } }, { header: { EI_CLASS: 2 } }],
];

for (const [rule, has, hasNot] of CASES) {
  Deno.test(`${rule} is found in a kernel, and not in its neighbour`, async () => {
    const rules = async (spec: PvhSpec): Promise<readonly string[]> =>
      (await checkKernel(pvhKernel(spec))).findings.map((finding) => finding.rule);
    assertEquals((await rules(has)).filter((found) => found === rule), [rule]);
    assertEquals((await rules(hasNot)).filter((found) => found === rule), []);
  });
}
