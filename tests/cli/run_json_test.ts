/** `kload run --json`: how a guest ended, as one object. */

import { Ajv2020 } from "ajv/dist/2020.js";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { exceptionLog } from "../../cli/qemu/exception_log.ts";
import { capture } from "../../cli/qemu/serial_output.ts";
import { runJson as jsonOf } from "../../cli/qemu/run_json.ts";
import { CAUSE_CODES } from "../../explain/fault/cause.ts";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { testWithTools } from "../tools.ts";
import { HELLO, kload, kloadJson, withFile } from "./kload.ts";
import { bootableFault, capturedFault, explained, FAULTS } from "./qemu/faults.ts";
import { BUILD_TOOLS, withEcho } from "./serial_guests.ts";

const QEMU = "qemu-system-x86_64";
const TEXT = 0xffffffff_80000000n;

const schema = JSON.parse(await Deno.readTextFile(new URL("../../docs/json.schema.json", import.meta.url)));
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
ajv.addSchema(schema, "kload");
const isRun = ajv.getSchema("kload#/$defs/run")!;

async function runJson(
  code: readonly number[],
  args: readonly string[] = [],
  more: readonly SegmentSpec[] = [],
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const text: SegmentSpec = { p_vaddr: TEXT, data: new Uint8Array(code) };
  let found;
  await withFile("kernel.elf", buildElf({ header: { e_entry: TEXT }, segments: [text, ...more] }), async (path) => {
    const { status, json } = await kloadJson(["run", path, "--timeout", "2", ...args]);
    assert(isRun(json), ajv.errorsText(isRun.errors));
    assertEquals(json.status, status);
    found = json;
  });
  return found;
}

const SAY_H = [0x66, 0xba, 0xf8, 0x03, 0xb0, 0x68, 0xee]; // mov $0x3f8, %dx; mov $'h', %al; out %al, (%dx)
const out = (port: number, value: number): readonly number[] => [0xb0, value, 0xe6, port, 0xeb, 0xfe];

const ENDS: readonly (readonly [string, readonly number[], number, unknown, string | undefined])[] = [
  ["reports success", out(0xf4, 0x10), 0, { kind: "ended", status: 33 }, undefined],
  ["reports a status", out(0xf4, 0x20), 65, { kind: "ended", status: 65 }, undefined],
  ["triple-faults", [0x0f, 0x0b], 3, { kind: "stopped", reason: "guest-reset" }, "triple-fault"],
  ["resets the machine", out(0x64, 0xfe), 3, { kind: "stopped", reason: "guest-reset" }, "reset"],
  ["halts", [0xfa, 0xf4], 1, { kind: "halted" }, "halt"],
  ["loops", [0xeb, 0xfe], 124, { kind: "timeout", seconds: 2 }, "timeout"],
];

for (const [what, code, status, end, explained] of ENDS) {
  testWithTools([QEMU], `the JSON of a guest that ${what} has its end and what it wrote`, async () => {
    const json = await runJson([...SAY_H, ...code]);
    assertEquals([json.status, json.end, json.explanation?.end], [status, end, explained]);
    assertEquals(json.serial, { bytes: 1, text: "h", truncated: false });
    assertEquals([json.output, json.messages], [undefined, []]);
  });
}

testWithTools(
  [QEMU],
  "the JSON of a page fault has the instruction, the access, the page's walk and the registers",
  async () => {
    // mov $TEXT, %rax; movb $1, (%rax)
    const { explanation } = await runJson([0x48, 0xc7, 0xc0, 0, 0, 0, 0x80, 0xc6, 0x00, 0x01]);
    assertEquals(explanation.exception.vector, 14);
    assertEquals(explanation.instruction.address, "0xffffffff80000007");
    assertEquals(explanation.instruction.bytes, "c60001");
    assertEquals([explanation.access.kind, explanation.access.address], ["write", "0xffffffff80000000"]);
    assertEquals(explanation.page.problem, "not-writable");
    // Intel SDM vol. 3, "Linear-Address Translation with 4-Level Paging": bits 47:39, 38:30, 29:21 and 20:12
    assertEquals(explanation.page.walk.levels.map(({ index }: { readonly index: number }) => index), [511, 510, 0, 0]);
    assertMatch(explanation.page.walk.levels[0].table, /^0x[0-9a-f]+000$/);
    assertEquals(explanation.registers.CR2, "0xffffffff80000000");
    assertEquals(Object.keys(explanation.registers).filter((name) => /^(FP|ST|XMM|DPL|A20)/.test(name)), []);
  },
);

for (const name of FAULTS) {
  Deno.test(`the JSON of a kernel that dies is in the schema: ${name}`, async () => {
    const bootable = await bootableFault(name);
    const { explanation } = await explained(name, bootable, await capturedFault(name, bootable));
    const nothing = capture(1);
    const ended = { end: { kind: "halted" } as const, log: exceptionLog(), serial: nothing, output: nothing };
    const recognize = () => Promise.resolve({ layers: [], protocols: [] });
    const file = { source: { name }, recognize };
    const json = JSON.parse(await jsonOf({ bootable, file, status: 3, ended: { ...ended, explanation } }));
    assert(isRun(json), ajv.errorsText(isRun.errors));
    assertEquals(json.explanation.causes, explanation.causes);
    assertEquals(json.explanation.backtrace?.callers.length, explanation.backtrace?.callers.length);
  });
}

Deno.test("the schema has every cause", () => {
  assertEquals(schema.$defs.faultCause.properties.code.enum, [...CAUSE_CODES]);
});

testWithTools([QEMU], "the JSON of a guest that --strict keeps from starting has no end", async () => {
  const executable: SegmentSpec = { p_type: 0x6474_e551, p_flags: 7, offset: 0, p_vaddr: 0n };
  const json = await runJson(out(0xf4, 0x10), ["--strict"], [executable]);
  assertEquals([json.status, json.end, json.serial, json.explanation], [1, null, null, null]);
  assertEquals(json.diagnostics.map(({ code }: { readonly code: string }) => code), ["stack-executable"]);
});

testWithTools([QEMU], "the JSON has QEMU's own output and messages", async () => {
  const debugcon = await runJson([...out(0xe9, 0x64).slice(0, 4), ...out(0xf4, 0x10)], ["--", "-debugcon", "stdio"]);
  assertEquals(debugcon.output, { bytes: 1, text: "d", truncated: false });
  const wrong = await runJson(out(0xf4, 0x10), ["--", "-nonsense"]);
  assertEquals([wrong.status, wrong.end], [1, { kind: "ended", status: 1 }]);
  assertEquals(wrong.messages, [`${QEMU}: -nonsense: invalid option`]);
});

testWithTools(
  BUILD_TOOLS,
  "the JSON has what the guest wrote as text, whatever bytes it was",
  () =>
    withEcho(["SET_UP"], async (path) => {
      const stdin = new Uint8Array([0x1b, 0x5b, 0x6d, 0xff, 0xe2, 0x82, 0xac, 0x0a, 0x04]);
      const { status, json } = await kloadJson(["run", path, "-q"], { stdin });
      assert(isRun(json), ajv.errorsText(isRun.errors));
      assertEquals([status, json.serial], [0, { bytes: 9, text: "\x1b[m\ufffd€\n\x04", truncated: false }]);
      const { stdout } = await kload(["run", path, "--json"], { stdin });
      assert(!stdout.includes("\x1b"), "control characters are escaped");
    }),
);

Deno.test("wrong usage of run is an object too", async () => {
  const { status, json } = await kloadJson(["run", HELLO, "--timeout", "0"]);
  assertEquals([status, json.error.code], [2, "usage"]);
});
