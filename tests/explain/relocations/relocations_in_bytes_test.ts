/** The entries for one address, found without an index: the same that the index finds. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { fromFileUrl } from "@std/path/from-file-url";
import { readRelocations } from "../../../explain/relocations/read_relocations.ts";
import { relocationsInBytes } from "../../../explain/relocations/relocations_in_bytes.ts";
import { answeredFiles, readOriginal } from "../../original.ts";
import { runTool, testWithTools } from "../../tools.ts";

const PIE = await Deno.readFile(new URL("../../../examples/hello/hello-pie.elf", import.meta.url));

/** Compares around every word that is relocated, and returns how many there are. */
async function compare(file: Uint8Array<ArrayBuffer>, name = ""): Promise<number> {
  const index = await readRelocations(file);
  const found = relocationsInBytes({ bytes: (offset, length) => file.subarray(offset, offset + length) });
  const places = [...index.inRange(0n, 1n << 64n)].map(({ place }) => place);
  for (const place of places) {
    for (const step of [-1n, 0n, 1n, 7n, 8n]) {
      const address = BigInt.asUintN(64, place + step);
      assertEquals(found.at(address), index.at(address), `${name} 0x${address.toString(16)}`);
    }
  }
  return places.length;
}

Deno.test("hello-pie.elf and the files of the original have the same entries as in the index", async () => {
  assertEquals(await compare(PIE), 5);
  let words = 0;
  for (const { name } of answeredFiles()) words += await compare(readOriginal(name), name);
  assert(words > 50, `${words} words`);
});

/** Builds C code with gcc, and compares. */
async function compareProgram(source: string, flags: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir();
  try {
    await runTool("gcc", [
      "-nostdlib",
      "-ffreestanding",
      "-fno-stack-protector",
      ...flags,
      source,
      "-o",
      `${folder}/a`,
    ]);
    const file = await Deno.readFile(`${folder}/a`);
    assert(await compare(file) >= 3);
    return file;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const STATIC_PIE = fromFileUrl(new URL("../../fixtures/static_pie/kernel.c", import.meta.url));

for (const [how, flags] of [["RELA", []], ["RELR", ["-Wl,-z,pack-relative-relocs"]]] as const) {
  testWithTools(["gcc"], `a static-PIE of gcc with ${how} has the same entries as in the index`, async () => {
    await compareProgram(STATIC_PIE, ["-O1", "-static-pie", "-fPIE", ...flags]);
  });
}

testWithTools(["gcc"], "entries that refer to symbols are those of the index, with the symbols", async () => {
  const source = await Deno.makeTempFile({ suffix: ".c" });
  try {
    const code = "extern int there(void); int here; int *pointer = &here; int f(void) { return there() + *pointer; }";
    await Deno.writeTextFile(source, code);
    const file = await compareProgram(source, ["-shared", "-fPIC"]);
    const entries = [...(await readRelocations(file)).inRange(0n, 1n << 64n)];
    assert(entries.some(({ type, symbol }) => type === "R_X86_64_JUMP_SLOT" && symbol?.name === "there"));
    assert(entries.some(({ type, symbol }) => type === "R_X86_64_64" && symbol?.name === "here"));
  } finally {
    await Deno.remove(source);
  }
});

Deno.test("damaged files have the same entries as in the index, and none makes it throw", async () => {
  const damage = (from: number, to: number, most: number) => {
    return fc.array(fc.tuple(fc.integer({ min: from, max: to }), fc.nat(255)), { maxLength: most });
  };
  await fc.assert(
    fc.asyncProperty(damage(0x1000, 0x1500, 4), async (list) => {
      const file = PIE.slice();
      for (const [at, value] of list) file[at] = value;
      await compare(file);
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(damage(0, PIE.length - 1, 60), fc.nat(PIE.length), (list, end) => {
      const file = PIE.slice(0, end);
      for (const [at, value] of list) file[at] = value;
      const found = relocationsInBytes({ bytes: (offset, length) => file.subarray(offset, offset + length) });
      for (const address of [0n, 0x2ec0n, 0x2ec8n, (1n << 64n) - 1n]) assert(found.at(address).length <= 64);
    }),
    { numRuns: 500 },
  );
});
