/** What a refusal says once it is known what the file is. */

import { assertEquals, assertMatch } from "@std/assert";
import { formatAdvice, pathOfSource } from "../../cli/output/format_advice.ts";
import { refusalOf } from "../../cli/report/refusal_of.ts";
import { LoadError } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { inspected } from "./inspected.ts";

const encoder = new TextEncoder();
const NOT_ELF = { message: "Cannot load the file: its magic number is 0x1, but …", hint: "Pass the linked ELF file." };

Deno.test("a file that is not ELF is described, with the command that helps", async () => {
  const archive = await inspected(encoder.encode("!<arch>\n"));
  const refusal = refusalOf("not-elf", NOT_ELF, archive, "a file.a");
  assertEquals(refusal.message, "Cannot load the file, which is not ELF: static library (ar)");
  assertMatch(refusal.hint ?? "", /:$/);
  assertEquals(refusal.command, "ar x 'a file.a'");
  const piped = refusalOf("not-elf", NOT_ELF, archive);
  assertMatch(piped.hint ?? "", /[^:]\.$/);
  assertEquals(piped.command, undefined);
});

Deno.test("of an unknown file, the loader's own message stays", async () => {
  const unknown = await inspected(new Uint8Array([0x80, 1, 0xff, 0xfe, 3, 9, 8, 7]));
  assertEquals(refusalOf("not-elf", NOT_ELF, unknown, "x").message, NOT_ELF.message);
});

Deno.test("the numbers of a refused header get their names", async () => {
  const header = { EI_CLASS: 2, e_machine: 0x1234 } as const;
  const other = await inspected(buildElf({ header, segments: [{ filesz: 16 }] }));
  const { message } = new LoadError("machine-unsupported", { field: "e_machine", value: 0x1234 });
  assertEquals(
    refusalOf("machine-unsupported", { message }, other).message,
    "Cannot load the file: e_machine is 0x1234 (0x1234), not EM_X86_64 (0x3e)".replace(" (0x1234)", ""),
  );
  const core = await inspected(buildElf({ header: { e_type: 4 }, segments: [{ filesz: 16 }] }));
  const refused = new LoadError("type-unsupported", { field: "e_type", value: 4 });
  assertEquals(
    refusalOf("type-unsupported", refused, core).message,
    "Cannot load the file: e_type is 0x4 (CORE), neither ET_EXEC (0x2) nor ET_DYN (0x3)",
  );
});

Deno.test("a refusal of a kernel for x86-64 says what the loader says", async () => {
  const kernel = await inspected(buildElf({ segments: [{ filesz: 16 }] }));
  const text = { message: "Cannot load program header 0: …", hint: "Check ALIGN(…)." };
  for (const code of ["alignment-invalid", "symbol-undefined", "segments-overlap"]) {
    assertEquals(refusalOf(code, text, kernel, "kernel.elf"), text);
  }
});

Deno.test("a path in a command is quoted, and cannot pass for an option", () => {
  assertEquals(formatAdvice({ hint: "Do:", command: "file FILE" }, "-x"), { hint: "Do:", command: "file ./-x" });
  assertEquals(formatAdvice({ hint: "Do:", command: "cp FILE FILE.old" }, "it's"), {
    hint: "Do:",
    command: "cp 'it'\\''s' 'it'\\''s'.old",
  });
  assertEquals(formatAdvice({ hint: "Do:", command: "git lfs pull" }), { hint: "Do:", command: "git lfs pull" });
  assertEquals(formatAdvice({ hint: "Do:", command: "file FILE" }), { hint: "Do." });
  assertEquals(formatAdvice({ hint: "Do." }, "x"), { hint: "Do." });
  const names = ["./a.elf", "standard input", "https://a.example/b", ""];
  assertEquals(names.map(pathOfSource), ["./a.elf", undefined, undefined, undefined]);
});
