/** Instructions as the Intel SDM (vol. 2) encodes them, and the code of the example kernel as `objdump` reads it. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { disassembler } from "../../../cli/input/disassembler.ts";
import { openDisassembler } from "../../../explain/instructions/disassembler.ts";
import type { Instruction } from "../../../explain/instructions/instruction.ts";
import { runTool, testWithTools } from "../../tools.ts";

const BASE = 0xffff_ffff_8000_0000n;
const { instructions } = await disassembler();

function decode(hex: string, bits?: 16 | 32 | 64): readonly Instruction[] {
  const bytes = Uint8Array.from(hex.split(" "), (byte) => parseInt(byte, 16));
  return [...instructions(bytes, BASE, bits)];
}

/** The first instruction, of which only some fields are of interest. */
function first<K extends keyof Instruction>(hex: string, ...fields: readonly K[]): readonly Instruction[K][] {
  const [instruction] = decode(hex);
  return fields.map((field) => instruction[field]);
}

Deno.test("a store has its operands in order, and says what is written where", () => {
  const [{ text, length, operands, memory, flow }] = decode("48 89 4c d8 f8");
  assertEquals([text, length, flow], ["mov [rax+rbx*8-8], rcx", 5, "next"]);
  assertEquals(operands, [
    { text: "[rax+rbx*8-8]", kind: "memory", access: "write" },
    { text: "rcx", kind: "register", access: "read", register: "rcx" },
  ]);
  assertEquals(memory, [{
    segment: "ds",
    base: "rax",
    index: "rbx",
    scale: 8,
    displacement: -8n,
    size: 8,
    access: "write",
    implicit: false,
  }]);
});

Deno.test("an address relative to RIP is the whole displacement, and no register is named", () => {
  const [[use]] = first("48 8b 05 01 00 00 00", "memory");
  assertEquals(use, {
    segment: "ds",
    scale: 1,
    displacement: BigInt.asIntN(64, BASE + 7n + 1n),
    size: 8,
    access: "read",
    implicit: false,
  });
});

Deno.test("the stack of push, call and ret is memory that no operand names", () => {
  const used = (hex: string) => {
    return first(hex, "memory")[0].map(({ base, displacement, access, implicit }) => {
      return [base, displacement, access, implicit];
    });
  };
  assertEquals(used("50"), [["rsp", -8n, "write", true]]);
  assertEquals(used("e8 10 00 00 00"), [["rsp", -8n, "write", true]]);
  assertEquals(used("c3"), [["rsp", 0n, "read", true]]);
  assertEquals(used("ff 30"), [["rax", 0n, "read", false], ["rsp", -8n, "write", true]]);
  assertEquals(used("c9"), [["rbp", 0n, "read", true]]);
});

Deno.test("an address that is only computed is not memory that is used", () => {
  const [operands, memory] = first("48 8d 44 88 10", "operands", "memory");
  assertEquals([operands[1], memory], [{ text: "[rax+rcx*4+0x10]", kind: "memory", access: "none" }, []]);
});

for (
  const [hex, name, flow] of [
    ["90", "nop", "next"],
    ["eb fe", "jmp", "jump"],
    ["ff e0", "jmp", "jump"],
    ["74 00", "je", "branch"],
    ["e8 00 00 00 00", "call", "call"],
    ["ff d0", "call", "call"],
    ["c3", "ret", "return"],
    ["48 cf", "iretq", "return"],
    ["cc", "int3", "interrupt"],
    ["cd 80", "int", "interrupt"],
    ["0f 05", "syscall", "syscall"],
    ["f4", "hlt", "halt"],
    ["0f 0b", "ud2", "undefined"],
  ] as const
) {
  Deno.test(`${name} (${hex}) goes on as "${flow}"`, () => {
    assertEquals(first(hex, "mnemonic", "flow"), [name, flow]);
  });
}

Deno.test("a near jump or call has a target, and an indirect one has none", () => {
  assertEquals(first("eb fe", "target"), [BASE]);
  assertEquals(first("e8 10 00 00 00", "target"), [BASE + 0x15n]);
  assertEquals(first("ff e0", "target"), [undefined]);
});

Deno.test("memory whose address depends on no register but RIP is a reference, and no other", () => {
  assertEquals(first("48 8b 05 01 00 00 00", "reference"), [BASE + 8n]);
  assertEquals(first("48 8d 05 f9 ff ff ff", "reference"), [BASE]);
  assertEquals(first("48 8b 04 25 00 80 0b 00", "reference"), [0xb_8000n]);
  assertEquals(first("a1 88 77 66 55 44 33 22 11", "reference"), [0x1122_3344_5566_7788n]);
  assertEquals(first("65 48 8b 04 25 28 00 00 00", "reference"), [undefined]); // gs:[0x28]
  assertEquals(first("48 89 4c d8 f8", "reference"), [undefined]);
  assertEquals(first("50", "reference"), [undefined]);
  assertEquals(first("eb fe", "reference"), [undefined]);
});

Deno.test("operands and memory can be asked for after others were decoded", () => {
  const [store, push] = decode("48 89 08 50");
  assertEquals(push.memory.map(({ base }) => base), ["rsp"]);
  assertEquals(store.operands.map(({ text }) => text), ["[rax]", "rcx"]);
  assertEquals(store.memory.map(({ base }) => base), ["rax"]);
  assertEquals(push.operands.map(({ text }) => text), ["rax"]);
});

Deno.test("a prefix is in the text, and not in the name", () => {
  assertEquals(first("f0 48 0f b1 0a", "text", "mnemonic"), ["lock cmpxchg [rdx], rcx", "cmpxchg"]);
});

Deno.test("an immediate is extended to 64 bits", () => {
  const [[, { kind, value }]] = first("48 83 c0 ff", "operands");
  assertEquals([kind, value], ["immediate", 0xffff_ffff_ffff_ffffn]);
});

Deno.test("what 64-bit mode does not have is one bad byte, after which decoding goes on", () => {
  const found = decode("06 90");
  assertEquals(found.map(({ text, length, flow }) => [text, length, flow]), [["(bad)", 1, "invalid"], [
    "nop",
    1,
    "next",
  ]]);
  assertEquals(decode("06", 32).map(({ text }) => text), ["push es"]);
});

Deno.test("an instruction that goes on past the bytes is cut off", () => {
  const found = decode("90 48 8b 05 01");
  assertEquals(found.map(({ text, length, flow }) => [text, length, flow]), [
    ["nop", 1, "next"],
    ["(cut off)", 4, "cut"],
  ]);
  assertEquals([...instructions(new Uint8Array(), BASE)], []);
});

Deno.test("addresses wrap at 2^64", () => {
  const found = [...instructions(Uint8Array.of(0x90, 0x90), 0xffff_ffff_ffff_ffffn)];
  assertEquals(found.map(({ address }) => address), [0xffff_ffff_ffff_ffffn, 0n]);
});

Deno.test("any bytes are read to their end, in one piece after the other", () => {
  const bytes = new Uint8Array(20_000);
  for (let at = 0, seed = 1; at < bytes.length; at++) bytes[at] = (seed = (seed * 48_271) % 0x7fff_ffff) >> 8;
  let next = BASE;
  for (const { address, length } of instructions(bytes, BASE)) {
    assertEquals(address, next);
    assert(length >= 1 && length <= 15);
    next += BigInt(length);
  }
  assertEquals(next, BASE + 20_000n);
});

Deno.test("a disassembler can be used by two readers at once", () => {
  const one = instructions(Uint8Array.of(0x90, 0xc3), BASE)[Symbol.iterator]();
  const other = instructions(Uint8Array.of(0x50, 0x58), 0n)[Symbol.iterator]();
  const texts = [one, other, one, other].map((each) => each.next().value?.text);
  assertEquals(texts, ["nop", "push rax", "ret", "pop rax"]);
});

Deno.test("code of anything else is refused", async () => {
  const empty = await WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  await assertRejects(() => openDisassembler(empty), Error, "not the code of iced-x86 1.21.0");
});

testWithTools(["objdump"], "the example kernel's code is cut into instructions as objdump cuts it", async () => {
  const path = decodeURIComponent(new URL("../../../examples/hello/hello.elf", import.meta.url).pathname);
  const listing = await runTool("objdump", ["-d", "-M", "intel", "-w", "--insn-width=16", path]);
  const lines = [...listing.matchAll(/^([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(.*)$/gm)];
  assert(lines.length > 500);
  const at = (line: RegExpMatchArray) => BigInt(`0x${line[1]}`);
  const bytes = Uint8Array.from(lines.flatMap(([, , hex]) => hex.trim().split(" ")), (byte) => parseInt(byte, 16));
  const found = [...instructions(bytes, at(lines[0]))];
  assertEquals(found.map(({ address }) => address), lines.map(at));
  const named = (text: string) => text.replace(/^((rep[a-z]*|lock|cs|data16|notrack|bnd) )*/, "").split(" ")[0];
  // Where GNU's names differ: of a move of 64 immediate bits, and of string instructions, whose size is in the operands.
  const same = (text: string) => text.replace(/^movabs$/, "mov").replace(/^(movs|stos)[bwdq]$/, "$1");
  const wrong = found.filter(({ mnemonic }, index) => same(mnemonic) !== same(named(lines[index][3].trim())));
  assertEquals(wrong.map(({ text }) => text), []);
  for (const [index, { target }] of found.entries()) {
    const [, goal] = /^\S+ +([0-9a-f]+) <.*>$/.exec(lines[index][3].trim()) ?? [];
    const isNear = found[index].operands[0]?.kind === "branch";
    if (isNear) assertEquals(target, BigInt(`0x${goal}`));
  }
});
