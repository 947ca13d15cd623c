import { assert, assertEquals } from "@std/assert";
import { isKebabCase } from "../../../core/pipeline/kebab_case.ts";
import { LOAD_DIAGNOSTICS, loadDiagnostic } from "../../../core/stages/load_diagnostics.ts";

Deno.test("loadDiagnostic() completes a finding with its code's severity and hint", () => {
  assertEquals(loadDiagnostic("pages-merged", { index: 1, addresses: [0x1000n], message: "Seen." }), {
    code: "pages-merged",
    severity: "warning",
    index: 1,
    addresses: [0x1000n],
    message: "Seen.",
    hint: LOAD_DIAGNOSTICS["pages-merged"].hint,
  });
  assertEquals(loadDiagnostic("segment-copied", { message: "Seen.", hint: "Another." }), {
    code: "segment-copied",
    severity: "info",
    addresses: [],
    message: "Seen.",
    hint: "Another.",
  });
});

Deno.test("every code is in kebab-case, and its hint is a sentence", () => {
  for (const [code, { hint }] of Object.entries(LOAD_DIAGNOSTICS)) {
    assert(isKebabCase(code) && /^[A-Z].*\.$/.test(hint), code);
  }
});
