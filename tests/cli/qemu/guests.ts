/**
 * Guests of a few instructions that end badly, each at addresses of its own choice: the logs of QEMU in
 * tests/fixtures/qemu-logs are of these, and stay right whatever addresses the loader would choose.
 */

import { writeBootInfo } from "../../../boot/boot_info.ts";
import { addContextSwitch } from "../../../boot/context_switch.ts";
import { addDirectMap } from "../../../boot/direct_map.ts";
import { addKernelStack } from "../../../boot/kernel_stack.ts";
import type { Bootable } from "../../../cli/report/bootable.ts";
import type { Kernel } from "../../../cli/report/kernel.ts";
import { loadKernel } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { buildElf, type SegmentSpec } from "../../elf_builder.ts";

/** Where the guests' text is; their data is on the page after it. */
export const TEXT = 0xffff_ffff_8000_0000n;
export const DATA: bigint = TEXT + 0x1000n;

/** Where the guests' stack is, above its guard page, and their map of physical memory. */
export const STACK = 0xffff_9000_0000_1000n;
export const DIRECT_MAP = 0xffff_9200_0000_0000n;

const LEVEL4 = 0x20_0000;
const FREE_FRAME = 0x60_0000;
const NOT_CANONICAL = 0x1234_5678_90ab_cdefn;

const bytes = (value: bigint | number): readonly number[] => [
  ...new Uint8Array(new BigUint64Array([BigInt(value)]).buffer),
];

/** `mov $value, %rax`, then more code. */
const rax = (value: bigint, ...code: readonly number[]): readonly number[] => [0x48, 0xb8, ...bytes(value), ...code];

const READ = [0x8a, 0x00]; // mov (%rax), %al
const WRITE = [0xc6, 0x00, 0x01]; // movb $1, (%rax)
const JUMP = [0xff, 0xe0]; // jmp *%rax
const UD2 = [0x0f, 0x0b];
const LOOP = [0xeb, 0xfe]; // jmp .
const NOWHERE = 0xffff_ffff_9000_0000n;

const text = (code: readonly number[]): SegmentSpec => ({ p_vaddr: TEXT, data: Uint8Array.from(code) });
const data: SegmentSpec = { p_vaddr: DATA, offset: 0x2000, filesz: 0x10, p_flags: 6 };
const relro: SegmentSpec = { p_type: 0x6474_e552, p_vaddr: DATA, offset: 0x2000, filesz: 0x10, p_flags: 4 };

/** An IDT of so many entries, each present only if it has a handler, and what LIDT reads. */
function idt(entries: number, handlers: Readonly<Record<number, bigint>>): SegmentSpec {
  const table = new Uint8Array(0x1000);
  const view = new DataView(table.buffer);
  for (const [vector, handler] of Object.entries(handlers)) {
    const at = Number(vector) * 16;
    view.setUint16(at, Number(handler & 0xffffn), true);
    view.setUint16(at + 2, 8, true); // the code segment
    view.setUint16(at + 4, 0x8e00, true); // present, interrupt gate
    view.setUint16(at + 6, Number((handler >> 16n) & 0xffffn), true);
    view.setUint32(at + 8, Number(handler >> 32n), true);
  }
  view.setUint16(0xff0, entries * 16 - 1, true);
  view.setBigUint64(0xff2, DATA, true);
  return { p_vaddr: DATA, offset: 0x2000, data: table, p_flags: 6 };
}

const LIDT = rax(DATA + 0xff0n, 0x0f, 0x01, 0x18); // lidt (%rax)

/** The entry of the level-1 table that maps the data, as the direct map has it. */
const dataEntry = (kernel: Kernel): bigint => {
  const step = kernel.pageTable.walk(DATA)[3];
  return DIRECT_MAP + BigInt(step.table + step.index * 8);
};

/** Each guest: its program headers, or how they follow from where it is loaded. */
export const GUESTS = {
  "write-text": [text(rax(TEXT, ...WRITE))],
  "write-relro": [text(rax(DATA, ...WRITE)), data, relro],
  "execute-data": [text(rax(DATA, ...JUMP)), data],
  "read-unmapped": [text(rax(DATA + 0x1008n, ...READ)), data],
  "jump-unmapped": [text(rax(0xffff_ffff_9000_0000n, ...JUMP))],
  "read-not-canonical": [text(rax(NOT_CANONICAL, ...READ))],
  "jump-not-canonical": [text(rax(NOT_CANONICAL, ...JUMP))],
  "invalid-opcode": [text(UD2)],
  "divide-by-zero": [text([0x31, 0xc9, 0xf7, 0xf1])], // xor %ecx, %ecx; div %ecx
  "stack-overflow": [text([0xe8, 0xfb, 0xff, 0xff, 0xff])], // call .
  "software-interrupt": [text([0xcd, 0x80])], // int $0x80
  "short-idt": [text([...LIDT, ...UD2]), idt(6, {})],
  "idt-without-gate": [text([...LIDT, ...UD2]), idt(32, {})],
  // #UD has no gate that is present, so a double fault comes up on the way; its handler goes on for ever.
  "double-fault": [text([...LIDT, ...UD2, ...LOOP]), idt(32, { 8: TEXT + BigInt(LIDT.length + UD2.length) })],
  // The handler of #PF is the very instruction that faults.
  "faulting-handler": [
    text([...LIDT, ...rax(NOWHERE, ...WRITE)]),
    idt(32, { 14: TEXT + BigInt(LIDT.length + rax(NOWHERE).length) }),
  ],
  "large-frame": [text([0x48, 0x81, 0xec, 0x40, 0x0d, 0x03, 0x00, 0xc6, 0x04, 0x24, 0x01])], // sub $200000, %rsp; movb $1, (%rsp)
  "mapped-zero": [text(UD2), { p_vaddr: 0n, offset: 0x2000, filesz: 0x10, p_flags: 6 }],
  "return": [text([0xc3])],
  "syscall": [text([0x0f, 0x05, 0xc3])],
  "breakpoint": [text([0xcc])], // int3
  "device-interrupt": [text([0xfb, 0xf4, 0xeb, 0xfd])], // sti; hlt; jmp .-1
  "reset": [text([0xb0, 0xfe, 0xe6, 0x64, ...LOOP])], // mov $0xfe, %al; out %al, $0x64
  "loop": [text(LOOP)],
  "halt": [text([0xfa, 0xf4, 0xeb, 0xfd])], // cli; hlt; jmp .-1
  // Copies the level-4 table and turns to the copy, then writes to its text.
  "own-tables": [text([
    ...[0x48, 0xbe, ...bytes(DIRECT_MAP + BigInt(LEVEL4))], // mov $…, %rsi
    ...[0x48, 0xbf, ...bytes(DIRECT_MAP + BigInt(FREE_FRAME))], // mov $…, %rdi
    ...[0xb9, 0x00, 0x02, 0x00, 0x00, 0xf3, 0x48, 0xa5], // mov $512, %ecx; rep movsq
    ...rax(BigInt(FREE_FRAME), 0x0f, 0x22, 0xd8), // mov %rax, %cr3
    ...rax(TEXT, ...WRITE),
  ])],
  // Clears the entry that maps its data, and reads there.
  "unmap-data": (kernel: Kernel) => [
    text([
      ...rax(dataEntry(kernel), 0x48, 0xc7, 0x00, 0, 0, 0, 0), // movq $0, (%rax)
      ...rax(DATA, 0x0f, 0x01, 0x38, ...READ), // invlpg (%rax)
    ]),
    data,
  ],
} as const satisfies Readonly<
  Record<string, readonly SegmentSpec[] | ((kernel: Kernel) => readonly SegmentSpec[])>
>;

/** The name of a guest. */
export type GuestName = keyof typeof GUESTS;

/** Loads a guest and adds what it is entered with. */
export async function bootableGuest(name: GuestName): Promise<Bootable> {
  const found = GUESTS[name];
  const kernel = await loadGuest(typeof found === "function" ? found(await loadGuest([text(rax(0n)), data])) : found);
  const stack = addKernelStack(kernel, { address: STACK - 0x1000n, size: 0x4000 });
  const directMap = addDirectMap(kernel, { address: DIRECT_MAP, size: 2 ** 25 });
  const info = writeBootInfo(kernel, { stack, directMap, address: 0xffff_9100_0000_0000n });
  const entry = addContextSwitch(kernel, { stack, info });
  return { kernel, stack, directMap, info, entry };
}

function loadGuest(segments: readonly SegmentSpec[]): Promise<Kernel> {
  return loadKernel(buildElf({ header: { e_entry: TEXT }, segments, length: 0x3000 }), {
    memory: { base: 0x10_0000, size: 0x70_0000 },
    level4Frame: LEVEL4,
    plugins: presets.default.plugins,
  });
}
