/**
 * The trampoline: machine code that takes a processor from 32-bit protected mode without paging to the kernel's entry
 * point (Intel SDM vol. 3, "Initializing IA-32e Mode"), and the descriptors that it needs.
 *
 * @module
 */

import { encodeRamfb, type Screen } from "./ramfb.ts";

/** Selector of the 64-bit code segment. */
export const CODE_SELECTOR = 0x08;

/** Selector of the data segment. */
export const DATA_SELECTOR = 0x10;

/**
 * The global descriptor table: null, 64-bit code, data (Intel SDM vol. 3, "Segment Descriptors"). Base and limit are
 * ignored in 64-bit mode. The accessed bit is set, because the processor would otherwise write it to a page that is not
 * writable.
 */
export const GDT: readonly bigint[] = [
  0n,
  0x00af_9b00_0000_ffffn, // present, ring 0, code, readable, accessed, L
  0x00cf_9300_0000_ffffn, // present, ring 0, data, writable, accessed, B
];

// Control registers (Intel SDM vol. 3, "Control Registers").
const CR0_PE = 1 << 0; // protected mode
const CR0_MP = 1 << 1; // WAIT obeys TS
const CR0_EM = 1 << 2; // no floating-point unit
const CR0_TS = 1 << 3; // its state is another task's
const CR0_ET = 1 << 4; // always set
const CR0_NE = 1 << 5; // its errors are exceptions
const CR0_WP = 1 << 16; // ring 0 obeys write protection
const CR0_NW = 1 << 29; // no write-through
const CR0_CD = 1 << 30; // no caches
const CR0_PG = 1 << 31; // paging
const CR4_PAE = 1 << 5; // entries of 64 bits
const CR4_OSFXSR = 1 << 9; // SSE instructions
const CR4_OSXMMEXCPT = 1 << 10; // their exceptions
const MSR_EFER = 0xc000_0080;
const EFER_LME = 1 << 8; // 64-bit mode, once paging is on
const EFER_NXE = 1 << 11; // bit 63 of a page-table entry forbids execution

const CR0_SET = CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE;
const CR0_KEPT = ~(CR0_CD | CR0_NW | CR0_EM | CR0_TS);
const CR4_SET = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
const EFER_SET = EFER_LME | EFER_NXE;

// Layout of the page: the descriptors, the operand of LGDT, then the code.
const GDTR_OFFSET = 0x18;
const CODE_OFFSET = 0x20;
const GDTR_SIZE = 6;

/** What the trampoline loads into registers. */
export interface Handover {
  /** Physical address of the page that it lies in, below 4 GiB. */
  readonly page: number;
  /** CR3: physical address of the level-4 table, below 4 GiB. */
  readonly cr3: number;
  /** RIP: virtual address of the entry point. */
  readonly rip: bigint;
  /** RSP. */
  readonly rsp: bigint;
  /** RDI. */
  readonly rdi: bigint;
  /** A framebuffer in memory for QEMU's device ramfb to show. */
  readonly ramfb?: Screen;
}

/** The content of the page, and where its parts are. */
export interface Trampoline {
  /** The bytes, starting at the start of the page. */
  readonly bytes: Uint8Array;
  /** Offset in the page of the first instruction, which is 32-bit code. */
  readonly entry32: number;
  /** Offset in the page of the first 64-bit instruction. */
  readonly entry64: number;
}

/**
 * Encodes the page (Intel SDM vol. 2, chapters 3 to 5).
 *
 * @param handover What goes into the registers.
 * @returns Descriptors and code.
 */
export function encodeTrampoline({ page, cr3, rip, rsp, rdi, ramfb }: Handover): Trampoline {
  const protectedMode = (longMode: number): readonly number[] => [
    ...[0xfa], //                                                   cli
    ...[0xfc], //                                                   cld
    ...(ramfb ? encodeRamfb(page + CODE_OFFSET + 2, ramfb) : []),
    ...[0x0f, 0x20, 0xe0], //                                       mov  eax, cr4
    ...[0x0d, ...u32(CR4_SET)], //                                  or   eax, PAE|OSFXSR|OSXMMEXCPT
    ...[0x0f, 0x22, 0xe0], //                                       mov  cr4, eax
    ...[0xb8, ...u32(cr3)], //                                      mov  eax, level-4 table
    ...[0x0f, 0x22, 0xd8], //                                       mov  cr3, eax
    ...[0xb9, ...u32(MSR_EFER)], //                                 mov  ecx, EFER
    ...[0x0f, 0x32], //                                             rdmsr
    ...[0x0d, ...u32(EFER_SET)], //                                 or   eax, LME|NXE
    ...[0x0f, 0x30], //                                             wrmsr
    ...[0x0f, 0x01, 0x15, ...u32(page + GDTR_OFFSET)], //           lgdt [gdtr]
    ...[0x0f, 0x20, 0xc0], //                                       mov  eax, cr0
    ...[0x25, ...u32(CR0_KEPT)], //                                 and  eax, ~(CD|NW|EM|TS)
    ...[0x0d, ...u32(CR0_SET)], //                                  or   eax, PG|WP|NE|MP|PE
    ...[0x0f, 0x22, 0xc0], //                                       mov  cr0, eax
    ...[0xea, ...u32(page + longMode), CODE_SELECTOR, 0x00], //     jmp  code:longMode
  ];
  const longMode = [
    ...[0xb8, ...u32(DATA_SELECTOR)], //                            mov  eax, data
    ...[0x8e, 0xd8], //                                             mov  ds, eax
    ...[0x8e, 0xc0], //                                             mov  es, eax
    ...[0x8e, 0xd0], //                                             mov  ss, eax
    ...[0x8e, 0xe0], //                                             mov  fs, eax
    ...[0x8e, 0xe8], //                                             mov  gs, eax
    ...[0x48, 0xbc, ...u64(rsp)], //                                mov  rsp, stack
    ...[0x48, 0xbf, ...u64(rdi)], //                                mov  rdi, boot information
    ...[0x48, 0xb8, ...u64(rip)], //                                mov  rax, entry point
    ...[0x31, 0xed], //                                             xor  ebp, ebp
    ...[0xff, 0xe0], //                                             jmp  rax
  ];
  const entry64 = CODE_OFFSET + protectedMode(0).length;
  const code = [...protectedMode(entry64), ...longMode];
  const gdtr = [GDT_LIMIT, 0x00, ...u32(page)];
  const padding = new Array<number>(CODE_OFFSET - GDTR_OFFSET - GDTR_SIZE).fill(0);
  const bytes = Uint8Array.from([...GDT.flatMap(u64), ...gdtr, ...padding, ...code]);
  return { bytes, entry32: CODE_OFFSET, entry64 };
}

/** Offset of the last byte of the descriptors, as LGDT expects it. */
export const GDT_LIMIT: number = GDT.length * 8 - 1;

/** CR0 as the trampoline leaves it, if nothing else was set before. */
export const CR0: bigint = BigInt((CR0_SET | CR0_ET) >>> 0);

/** CR4 as the trampoline leaves it, if nothing else was set before. */
export const CR4: bigint = BigInt(CR4_SET);

function u32(value: number): readonly number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

function u64(value: bigint): readonly number[] {
  return [...u32(Number(value & 0xffff_ffffn)), ...u32(Number(value >> 32n))];
}
