/** Why every page of a kernel is there, compared with what its file says, read by a route of its own. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { fromFileUrl } from "@std/path/from-file-url";
import { type AnyPlugin, type LoadedKernel, LoadError, loadKernel } from "../../../mod.ts";
import { keepFile } from "../../../core/file/kept_file.ts";
import { addressExplainer, explainAddress } from "../../../explain/address/explain_address.ts";
import type { ExplainOptions } from "../../../explain/address/explain_options.ts";
import { presets } from "../../../plugins/presets.ts";
import { readRelocations } from "../../../explain/relocations/read_relocations.ts";
import { layoutFile, layouts } from "../../core/kernel_layouts.ts";
import { runTool, testWithTools } from "../../tools.ts";
import { truthOf } from "./true_why.ts";

const EXAMPLES = new URL("../../../examples/hello/", import.meta.url);

type Kernel = LoadedKernel<readonly AnyPlugin[]>;

/** Compares every page and the ends of every segment, and returns the kinds of reasons that were given. */
function checkAll(kernel: Kernel, file: Uint8Array, options: ExplainOptions): ReadonlySet<string> {
  const truth = truthOf(kernel, file);
  const explain = addressExplainer(kernel, options);
  const kinds = new Set<string>();
  for (const address of truth.addresses) {
    const explanation = explain(address);
    truth.check(explanation);
    for (const { kind } of explanation.why) kinds.add(kind);
  }
  return kinds;
}

for (const name of ["hello.elf", "hello-pie.elf"]) {
  for (const kernelBase of name === "hello.elf" ? [undefined] : [undefined, 0xffff_ffff_8000_0000n, 0x20_0000n]) {
    const where = kernelBase === undefined ? "" : ` at 0x${kernelBase.toString(16)}`;
    Deno.test(`every page of ${name}${where} has its true reasons`, async () => {
      const file = await Deno.readFile(new URL(name, EXAMPLES));
      const kernel = await loadKernel(file, { ...presets.default, kernelBase });
      const kinds = checkAll(kernel, file, { file });
      assertEquals(kinds, checkAll(kernel, file, { relocations: await readRelocations(file) }));
      const expected = ["copied", "loaded", "mapped", "outside", "tls", "zeroed"];
      if (name === "hello-pie.elf") expected.push("relocated", "sealed");
      assert(expected.every((kind) => kinds.has(kind)), [...kinds].join(" "));
    });
  }
}

for (const kernelBase of [undefined, 0x1234_5000n]) {
  const where = kernelBase === undefined ? "where it was linked" : "elsewhere";
  Deno.test(`relocations that were not applied are said to be, of a kernel ${where}`, async () => {
    const file = await Deno.readFile(new URL("hello-pie.elf", EXAMPLES));
    const kernel = await loadKernel(file, { kernelBase });
    const kinds = checkAll(kernel, file, { file });
    assert(!kinds.has("relocated"));
    const truth = truthOf(kernel, file);
    const explain = addressExplainer(kernel, { file });
    const seen = new Set<string>();
    for (let at = 0x2eb8n; at < 0x2ef0n; at++) {
      const explanation = explain(kernel.virtualAddressOffset + at);
      truth.check(explanation);
      for (const { kind, message } of explanation.why) {
        seen.add(kind);
        if (kind === "not-relocated") assert(message.includes("but was not applied: the word is 0x"), message);
      }
    }
    assertEquals(seen.has("not-relocated"), kernelBase !== undefined); // at 0, the words are right as they are
  });
}

Deno.test("bytes all over hello-pie.elf have their true reasons", async () => {
  const file = await Deno.readFile(new URL("hello-pie.elf", EXAMPLES));
  const kernel = await loadKernel(file, presets.default);
  const truth = truthOf(kernel, file);
  const explain = addressExplainer(kernel, { file });
  const [first] = kernel.mappings();
  for (let address = first.virt; address < first.virt + 0x4100n; address += 5n) truth.check(explain(address));
});

for (const packed of [false, true]) {
  const how = packed ? "RELR" : "RELA";
  testWithTools(["gcc"], `every word of a static-PIE of gcc with ${how} and RELRO has its true reasons`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const source = fromFileUrl(new URL("../../fixtures/static_pie/kernel.c", import.meta.url));
      const flags = "-O1 -static-pie -nostdlib -fPIE -ffreestanding -fno-stack-protector -Wl,-z,relro,-z,now".split(
        " ",
      );
      const pack = packed ? ["-Wl,-z,pack-relative-relocs"] : [];
      await runTool("gcc", [...flags, ...pack, source, "-o", `${folder}/kernel.elf`]);
      const file = await Deno.readFile(`${folder}/kernel.elf`);
      for (const kernelBase of [undefined, 0x7fff_0000_0000n]) {
        const kernel = await loadKernel(file, { ...presets.default, kernelBase });
        const kinds = checkAll(kernel, file, { file });
        assertEquals(kinds, checkAll(kernel, file, { relocations: await readRelocations(file) }));
        assert(kinds.has("relocated") || kinds.has("sealed"));
        const truth = truthOf(kernel, file);
        const explain = addressExplainer(kernel, { file });
        const seen = new Set<string>();
        for (const { virt, size, writable, executable } of kernel.mappings()) {
          if (writable || executable || size > 0x8000) continue;
          for (let address = virt; address < virt + BigInt(size); address += 13n) {
            const explanation = explain(address);
            truth.check(explanation);
            for (const { kind } of explanation.why) seen.add(kind);
          }
        }
        assert(seen.has("relocated") && seen.has("sealed"), [...seen].join(" "));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("kernels with any segments have their true reasons", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(layouts, async (segments) => {
      const file = layoutFile(segments);
      try {
        const kernel = await loadKernel(file);
        for (const kind of checkAll(kernel, file, { file })) seen.add(kind);
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
      }
    }),
    { numRuns: 100 },
  );
  for (const kind of ["mapped", "copied", "loaded", "zeroed", "outside", "write-execute", "absent", "uncovered"]) {
    assert(seen.has(kind), kind);
  }
});

Deno.test("explainAddress() refuses what is no address of 64 bits", async () => {
  const kernel = await loadKernel(await Deno.readFile(new URL("hello.elf", EXAMPLES)));
  for (const address of [-1n, 1n << 64n]) {
    let caught: unknown;
    try {
      explainAddress(kernel, address);
    } catch (error) {
      caught = error;
    }
    assert(caught instanceof RangeError);
  }
});

Deno.test("a file that is kept serves as well as its bytes", async () => {
  const file = await Deno.readFile(new URL("hello-pie.elf", EXAMPLES));
  const kernel = await loadKernel(file, presets.default);
  const kept = keepFile(new Blob([file]));
  await kept.keep(0, file.length);
  const address = kernel.virtualAddressOffset + 0x2ec8n;
  const { why } = explainAddress(kernel, address, { file: kept });
  assertEquals(why, explainAddress(kernel, address, { file }).why);
  assert(why.some(({ kind }) => kind === "relocated"));
});
