import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkDiagnostic, type Diagnostic } from "../../core/diagnostics.ts";

const GOOD = { code: "mine", severity: "info", index: 2, addresses: [1n], message: "Seen.", hint: "None." } as const;

Deno.test("checkDiagnostic() copies and freezes what is reported", () => {
  const addresses = [1n, 2n];
  const given = { ...GOOD, addresses };
  const checked = checkDiagnostic(given);
  addresses.length = 0;
  given.addresses = [];
  assertEquals(checked, { ...GOOD, addresses: [1n, 2n] });
  assert(Object.isFrozen(checked) && Object.isFrozen(checked.addresses));
  const { hint: _, ...bare } = GOOD;
  assertEquals(checkDiagnostic(bare), bare);
});

Deno.test("checkDiagnostic() refuses a diagnostic that lacks a part, or has one of another type", () => {
  const wrong: readonly unknown[] = [
    ...[null, undefined, "text", {}],
    ...[{ ...GOOD, code: 1 }, { ...GOOD, severity: undefined }, { ...GOOD, message: undefined }, { ...GOOD, hint: 1 }],
    ...[{ ...GOOD, addresses: undefined }, { ...GOOD, addresses: 1n }, { ...GOOD, addresses: [1] }],
  ];
  for (const diagnostic of wrong) {
    assertThrows(() => checkDiagnostic(diagnostic as Diagnostic), TypeError, "Cannot report: a diagnostic needs");
  }
});
