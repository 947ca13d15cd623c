/** Boot protocols are recognized in the bytes of a file as they lie in memory after a load. */

import { assert, assertEquals } from "@std/assert";
import { loadByPreset } from "../../cli/commands/load_by_preset.ts";
import { recognizeLoaded } from "../../cli/commands/recognize_loaded.ts";
import { openSource, type Source } from "../../cli/input/source.ts";
import { RULES } from "../../core/rules.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import type { RuleSetName } from "../../mod.ts";
import { recognizeFile } from "../../protocols/recognize.ts";
import { pathOf } from "./kload.ts";

const { signal } = new AbortController();
const FOLDERS = ["loaders/", "loaders/probes/", "field/", "original/corpus/"];

async function* loadedFiles(rules: RuleSetName) {
  for (const folder of FOLDERS) {
    for await (const { name, isFile } of Deno.readDir(pathOf(`tests/fixtures/${folder}`))) {
      if (!isFile || !name.endsWith(".elf")) continue;
      const path = pathOf(`tests/fixtures/${folder}${name}`);
      const source = await openSource(path, signal);
      const kernel = await loadByPreset(source.reader, { rules }).catch(() => undefined);
      if (kernel) yield { name, source, kernel, bytes: await Deno.readFile(path) };
      source.close();
    }
  }
}

for (const rules of Object.keys(RULES) as RuleSetName[]) {
  Deno.test(`the file's bytes lie unchanged in memory after a load by the ${rules} rules`, async () => {
    let count = 0;
    for await (const { name, source, kernel, bytes } of loadedFiles(rules)) {
      const { phys, size } = kernel.addressSpace.file;
      const loaded = kernel.memory.bytes(phys, Math.min(size, kernel.bytesRead));
      assertEquals(loaded.length, Math.min(size, bytes.length), name);
      assert(loaded.every((byte, at) => byte === bytes[at]), name);
      const { protocols } = await recognizeFile(keepFile(bytes));
      assertEquals((await recognizeLoaded(kernel, source)).protocols, protocols, name);
      count++;
    }
    assert(count > 40, `${count} files`);
  });
}

Deno.test("a file that is gone after the load, and a stream, are recognized by what was loaded", async () => {
  const path = pathOf("tests/fixtures/field/limine.elf");
  const source = await openSource(path, signal);
  const kernel = await loadByPreset(source.reader, { rules: "default" });
  const { random: _, ...stream } = source;
  assertEquals((await recognizeLoaded(kernel, stream)).protocols.map(({ name }) => name), ["limine"]);
  const gone: Source = { ...source, random: () => Promise.reject(new Deno.errors.NotFound("gone")) };
  assertEquals((await recognizeLoaded(kernel, gone)).protocols.map(({ name }) => name), ["limine"]);
  source.close();
});
