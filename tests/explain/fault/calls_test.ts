import { assertEquals } from "@std/assert";
import { callBefore } from "../../../explain/fault/calls.ts";
import { guestMemory } from "../../../explain/fault/guest_memory.ts";
import { loadKernel } from "../../../mod.ts";
import { buildElf } from "../../elf_builder.ts";

const TEXT = 0xffff_ffff_8000_0000n;
const DATA = TEXT + 0x2000n;

/** Memory with code on a page, and the same bytes on one that cannot be executed. */
async function memoryWith(code: readonly number[]) {
  const data = new Uint8Array(0x40);
  data.set(code, 0x20 - code.length);
  const segments = [{ p_vaddr: TEXT, data }, { p_vaddr: DATA, data, offset: 0x3000, p_flags: 6 }];
  const kernel = await loadKernel(buildElf({ header: { e_entry: TEXT }, segments, length: 0x4000 }));
  return guestMemory({ end: "stopped" }, { kernel }, new Map());
}

/** Encodings from the SDM's tables: opcode E8, and FF with 2 as the number in ModRM, with every form of operand. */
const CALLS: readonly (readonly [text: string, bytes: readonly number[], target?: bigint])[] = [
  ["call next", [0xe8, 0, 0, 0, 0], TEXT + 0x20n],
  ["call backwards", [0xe8, 0xe0, 0xff, 0xff, 0xff], TEXT],
  ["call rax", [0xff, 0xd0]],
  ["call r11", [0x41, 0xff, 0xd3]],
  ["call [rbx]", [0xff, 0x13]],
  ["call [rbx + 8]", [0xff, 0x53, 0x08]],
  ["call [rbx + 0x12345]", [0xff, 0x93, 0x45, 0x23, 0x01, 0x00]],
  ["call [rip + 0x100]", [0xff, 0x15, 0x00, 0x01, 0x00, 0x00]],
  ["call [0xffffffff80003000]", [0xff, 0x14, 0x25, 0x00, 0x30, 0x00, 0x80]],
  ["call [rsp]", [0xff, 0x14, 0x24]],
  ["call [rax + rcx * 8 + 0x10]", [0xff, 0x54, 0xc8, 0x10]],
  ["call [r9 + r10 * 8 + 0x1000]", [0x43, 0xff, 0x94, 0xd1, 0x00, 0x10, 0x00, 0x00]],
];

for (const [text, bytes, target] of CALLS) {
  Deno.test(`a return address is one after ${text}, in a page that can be executed`, async () => {
    const memory = await memoryWith(bytes);
    const found = callBefore(TEXT + 0x20n, memory);
    assertEquals(found?.address, TEXT + 0x20n - BigInt(bytes.length));
    assertEquals([found?.length, found?.target], [bytes.length, target]);
    assertEquals(callBefore(DATA + 0x20n, memory), undefined);
  });
}

const OTHERS: readonly (readonly [text: string, bytes: readonly number[]])[] = [
  ["jmp rax", [0xff, 0xe0]],
  ["push [rbx]", [0xff, 0x33]],
  ["inc [rbx]", [0xff, 0x03]],
  ["a call to where nothing is", [0xe8, 0, 0, 0, 0x40]],
  ["ret", [0xc3]],
  ["zeros", [0, 0, 0, 0, 0, 0, 0, 0]],
];

for (const [text, bytes] of OTHERS) {
  Deno.test(`no return address is after ${text}`, async () => {
    assertEquals(callBefore(TEXT + 0x20n, await memoryWith(bytes)), undefined);
  });
}

Deno.test("a call may be the first instruction of a page, after one that is not mapped", async () => {
  const data = Uint8Array.from([0xff, 0xd0, 0xf4]);
  const kernel = await loadKernel(buildElf({ header: { e_entry: TEXT }, segments: [{ p_vaddr: TEXT, data }] }));
  const memory = guestMemory({ end: "stopped" }, { kernel }, new Map());
  assertEquals(callBefore(TEXT + 2n, memory), { address: TEXT, length: 2 });
  assertEquals(callBefore(TEXT, memory), undefined);
  assertEquals(callBefore(0n, memory), undefined);
  assertEquals(callBefore((1n << 64n) - 1n, memory), undefined);
});
