/** Whatever a recognizer recognizes shows the sign of its protocol, so that recognizers can be imported when needed. */

import { assert, assertEquals } from "@std/assert";
import { keepFile } from "../../core/file/kept_file.ts";
import { readModel } from "../../core/file/file_model.ts";
import { RECOGNIZERS } from "../../protocols/all_protocols.ts";
import { PROTOCOL_PARTS, protocolsOf } from "../../protocols/recognize.ts";
import { recognizeShown } from "../../protocols/recognize_shown.ts";
import { shownProtocols, SIGN_PARTS } from "../../protocols/signs.ts";
import { buildElf } from "../elf_builder.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
const FOLDERS = ["loaders/", "loaders/probes/", "field/", "original/corpus/"];

async function* fixtures(): AsyncGenerator<readonly [name: string, bytes: Uint8Array<ArrayBuffer>]> {
  for (const folder of FOLDERS) {
    for await (const { name, isFile } of Deno.readDir(new URL(folder, FIXTURES))) {
      if (isFile) yield [folder + name, await Deno.readFile(new URL(folder + name, FIXTURES))];
    }
  }
}

Deno.test("signs are looked for in all parts that recognizers look at, but for symbols", () => {
  const parts = new Set(PROTOCOL_PARTS);
  parts.delete("symbols");
  assertEquals([...parts].sort(), [...SIGN_PARTS].sort());
  assertEquals(RECOGNIZERS.filter((each) => each.parts.includes("symbols")).length, 1);
});

Deno.test("every file that is recognized shows the signs of its protocols, and is recognized by them", async () => {
  const seen = new Set<string>();
  for await (const [name, bytes] of fixtures()) {
    const file = keepFile(bytes);
    const model = await readModel(file, [...PROTOCOL_PARTS, ...SIGN_PARTS]);
    const protocols = protocolsOf(model);
    const shown = shownProtocols(model, SIGN_PARTS);
    for (const protocol of protocols) {
      seen.add(protocol.name);
      assert(shown.includes(protocol.name), `${name} is for ${protocol.name}, but shows only ${shown.join(", ")}`);
    }
    assertEquals((await recognizeShown(file)).protocols, protocols, name);
  }
  for (const name of ["multiboot", "multiboot2", "pvh", "limine"]) assert(seen.has(name), `no file is for ${name}`);
});

Deno.test("a plain kernel shows no sign", async () => {
  for (const name of ["../../examples/hello/hello.elf", "field/at-higher-half.elf", "field/page-shared.elf"]) {
    const model = await readModel(keepFile(await Deno.readFile(new URL(name, FIXTURES))), SIGN_PARTS);
    assertEquals(shownProtocols(model, SIGN_PARTS), [], name);
  }
});

Deno.test("segments that are large or at odd offsets count as showing Limine's sign", async () => {
  const large = buildElf({ segments: [{ filesz: 2 ** 22 + 1 }] });
  const odd = buildElf({ segments: [{ filesz: 0x100, offset: 0x1001, p_vaddr: 0x40_0002n }] });
  for (const bytes of [large, odd]) {
    const model = await readModel(keepFile(bytes), SIGN_PARTS);
    assertEquals(shownProtocols(model, SIGN_PARTS), ["limine"]);
    assertEquals((await recognizeShown(keepFile(bytes))).protocols, []);
  }
});

Deno.test("parts that were not read show no sign", async () => {
  for await (const [, bytes] of fixtures()) {
    const model = await readModel(keepFile(bytes), ["head"]);
    for (const name of shownProtocols(model, ["head"])) {
      assert(["multiboot", "multiboot2", "linux", "uefi", "bootboot"].includes(name), name);
    }
  }
});
