/** Headers without a byte in the file, wherever they say that it lies: their handlers get no bytes, and go on. */

import { assertEquals } from "@std/assert";
import { loadKernel } from "../../mod.ts";
import { PT_GNU_PROPERTY, PT_INTERP, PT_NOTE } from "../../core/elf/constants.ts";
import { interp } from "../../plugins/interp.ts";
import { notes } from "../../plugins/notes.ts";
import { property } from "../../plugins/property.ts";
import { buildElf } from "../elf_builder.ts";

for (const offset of [0, 0x2000, Number.MAX_SAFE_INTEGER]) {
  Deno.test(`headers without file bytes at offset ${offset} hold nothing for the plugins that read them`, async () => {
    const empty = { offset, filesz: 0, p_vaddr: 0n, p_align: 1n };
    const types = [PT_NOTE, PT_GNU_PROPERTY, PT_INTERP];
    const segments = [{ filesz: 16 }, ...types.map((p_type) => ({ ...empty, p_type }))];
    const kernel = await loadKernel(buildElf({ segments, length: 0x1010 }), {
      plugins: [notes(), property(), interp()],
    });
    assertEquals<unknown>(kernel.results, { notes: { notes: [], bytesRead: 0 }, interp: { path: "" } });
    assertEquals(kernel.diagnostics.map(({ code }) => code), ["property-malformed", "user-program"]);
  });
}
