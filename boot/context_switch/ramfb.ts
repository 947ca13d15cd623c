/**
 * QEMU's device ramfb: a screen that shows a framebuffer in memory, once it knows the address (QEMU documentation,
 * "QEMU Firmware Configuration (fw_cfg) Device"; hw/display/ramfb.c).
 *
 * @module
 */

import type { FramebufferInfo } from "../framebuffer.ts";

/** A framebuffer in memory, with 4 bytes per pixel: blue, green, red, and one unused. */
export interface Screen {
  /** Physical address of its first byte. */
  readonly phys: number;
  /** How its pixels lie. */
  readonly info: FramebufferInfo;
}

/** The sizes that ramfb supports, in pixels (hw/display/ramfb.c; VBE_DISPI_MAX_XRES and VBE_DISPI_MAX_YRES). */
export const RAMFB_LIMITS = { least: 16, width: 16_000, height: 12_000 } as const;

// fw_cfg: ports, keys, and the control word of a DMA access
const SELECTOR = 0x510; // data is read one byte at a time at the next port
const DMA_ADDRESS = 0x514; // high half; the low one, 4 ports on, starts the access
const KEY_SIGNATURE = 0x00;
const KEY_FILES = 0x19;
const SIGNATURE = 0x5145_4d55; // "QEMU"
const ENTRY_SIZE = 64; // of the list of files: size, key, reserved, name; numbers are big-endian
const ENTRY_KEY = 4;
const ENTRY_NAME = 8;
const DMA_SELECT_AND_WRITE = 0x18;

const NAME = [...new TextEncoder().encode("etc/ramfb\0")];
const CONFIG_SIZE = 28; // address, format, flags, width, height, bytes per line
const XRGB8888 = 0x3432_5258; // drm_fourcc.h, "XR24"

/** `in al, dx; shl eax, 8` three times, and `in al, dx` once more: reads a big-endian 32-bit number. */
const READ_NUMBER = [0xec, 0xc1, 0xe0, 8, 0xec, 0xc1, 0xe0, 8, 0xec, 0xc1, 0xe0, 8, 0xec];

/**
 * Encodes 32-bit code that configures ramfb for a framebuffer. Without QEMU or the device, the code does nothing. It
 * uses no stack, and changes all general-purpose registers except EBP and ESP.
 *
 * @param at Physical address of its first byte. The code writes to its own bytes.
 * @param screen The framebuffer.
 * @returns The bytes; execution continues after the last one.
 */
export function encodeRamfb(at: number, { phys, info }: Screen): readonly number[] {
  const { width, height, stride, bytesPerPixel } = info;
  const config = [...be64(phys), ...be32(XRGB8888), ...be32(0), ...be32(width), ...be32(height)];
  config.push(...be32(stride * bytesPerPixel));
  const entryAt = at + 2; // after the jump
  const nameAt = entryAt + ENTRY_SIZE;
  const configAt = nameAt + NAME.length;
  const dmaAt = configAt + CONFIG_SIZE;
  const dma = [...be32(DMA_SELECT_AND_WRITE), ...be32(CONFIG_SIZE), ...be64(configAt)];
  const data = [...new Array<number>(ENTRY_SIZE).fill(0), ...NAME, ...config, ...dma];
  const found = [
    ...[0x66, 0xa1, ...le32(entryAt + ENTRY_KEY)], //     mov  ax, [entry.key]
    ...[0x66, 0xa3, ...le32(dmaAt)], //                   mov  [dma.control], ax
    ...[0xba, ...le32(DMA_ADDRESS)], //                   mov  edx, DMA_ADDRESS
    ...[0x31, 0xc0], //                                   xor  eax, eax
    ...[0xef], //                                         out  dx, eax
    ...[0x83, 0xc2, 4], //                                add  edx, 4
    ...[0xb8, ...be32(dmaAt)], //                         mov  eax, dma, its bytes in reverse
    ...[0xef], //                                         out  dx, eax
  ];
  const next = [
    ...[0x4b], //                                         dec  ebx
    ...[0xbf, ...le32(entryAt)], //                       mov  edi, entry
    ...[0xb9, ...le32(ENTRY_SIZE)], //                    mov  ecx, 64
    ...[0xf3, 0x6c], //                                   rep  insb
    ...[0xbe, ...le32(entryAt + ENTRY_NAME)], //          mov  esi, entry.name
    ...[0xbf, ...le32(nameAt)], //                        mov  edi, name
    ...[0xb9, ...le32(NAME.length)], //                   mov  ecx, 10
    ...[0xf3, 0xa6], //                                   repe cmpsb
  ];
  const search = [
    ...[0x85, 0xdb], //                                   test ebx, ebx
    ...[0x74, next.length + 2 + found.length], //         jz   end
    ...next,
    ...[0x75, -(next.length + 6) & 0xff], //              jne  search
    ...found,
  ];
  const readFiles = [
    ...[0x4a], //                                         dec  edx
    ...[0xb8, ...le32(KEY_FILES)], //                     mov  eax, KEY_FILES
    ...[0x66, 0xef], //                                   out  dx, ax
    ...[0x42], //                                         inc  edx
    ...READ_NUMBER, //                                    eax: number of files
    ...[0x89, 0xc3], //                                   mov  ebx, eax
  ];
  return [
    ...[0xeb, data.length], //                            jmp  code
    ...data,
    ...[0xba, ...le32(SELECTOR)], //                      mov  edx, SELECTOR
    ...[0xb8, ...le32(KEY_SIGNATURE)], //                 mov  eax, KEY_SIGNATURE
    ...[0x66, 0xef], //                                   out  dx, ax
    ...[0x42], //                                         inc  edx
    ...READ_NUMBER,
    ...[0x3d, ...le32(SIGNATURE)], //                     cmp  eax, "QEMU"
    ...[0x75, readFiles.length + search.length], //       jne  end
    ...readFiles,
    ...search,
  ];
}

function le32(value: number): readonly number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

function be32(value: number): readonly number[] {
  return le32(value).toReversed();
}

function be64(value: number): readonly number[] {
  return [...be32(Math.floor(value / 2 ** 32)), ...be32(value % 2 ** 32)];
}
