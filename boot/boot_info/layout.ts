/**
 * Encodes the boot information: `BootInfo` of bootloader_api 0.11, laid out by the C ABI for x86-64.
 *
 * @module
 */

import type { FramebufferInfo, PixelFormat } from "../framebuffer.ts";
import { E820_RESERVED, type MachineRegion, REGION_KINDS } from "./memory_map.ts";

/**
 * Offsets of the fields of `BootInfo` in bytes, in version 0.11.16. The offsets up to 208 are the same since 0.11.5.
 */
export const BOOT_INFO = {
  api_version: 0,
  memory_regions: 8,
  framebuffer: 24,
  physical_memory_offset: 88,
  recursive_index: 104,
  rsdp_addr: 112,
  tls_template: 128,
  ramdisk_addr: 160,
  ramdisk_len: 176,
  kernel_addr: 184,
  kernel_len: 192,
  kernel_image_offset: 200,
  kernel_stack_bottom: 208,
  kernel_stack_len: 216,
  _test_sentinel: 224,
} as const;

/** Number of bytes of `BootInfo`. */
export const BOOT_INFO_SIZE = 232;

/** Number of bytes of `MemoryRegion`: start, end, kind. */
export const MEMORY_REGION_SIZE = 24;

// Discriminants of `Optional`, 32 bits each. The payload is at the next multiple of its alignment.
const SOME = 0;
const NONE = 1;

// `PixelFormat`, in order; `Unknown` is followed by three bytes.
const PIXEL_FORMATS: readonly unknown[] = ["rgb", "bgr", "u8"];
const PIXEL_FORMAT_UNKNOWN = 3;

/** The fields of `BootInfo`; omitted ones are `None`, or 0. */
export interface BootInfoFields {
  /** Major, minor and patch version of bootloader_api. */
  readonly apiVersion: readonly [major: number, minor: number, patch: number];
  /** Virtual address of the memory map, and its number of regions. */
  readonly memoryRegions: { readonly address: bigint; readonly count: number };
  /** The framebuffer. */
  readonly framebuffer?: { readonly virt: bigint; readonly size: number; readonly info: FramebufferInfo };
  /** Virtual address of physical address 0. */
  readonly physicalMemoryOffset?: bigint;
  /** Index of the level-4 entry that points to its own table. */
  readonly recursiveIndex?: number;
  /** Physical address of the RSDP. */
  readonly rsdp?: number;
  /** The TLS template; there is no field for its alignment. */
  readonly tlsTemplate?: { readonly startAddr: bigint; readonly fileSize: bigint; readonly memSize: bigint };
  /** Virtual address and size in bytes of the ramdisk. */
  readonly ramdisk?: { readonly virt: bigint; readonly size: number };
  /** Physical address and number of bytes of the ELF file. */
  readonly kernel: { readonly address: number; readonly size: number };
  /** What was added to every `p_vaddr`. */
  readonly imageOffset: bigint;
  /** The stack's bounds. */
  readonly kernelStack?: { readonly bottom: bigint; readonly top: bigint };
}

/**
 * Encodes a `BootInfo`.
 *
 * @param fields Its fields.
 * @returns 232 bytes.
 */
export function encodeBootInfo(fields: BootInfoFields): Uint8Array {
  const bytes = new Uint8Array(BOOT_INFO_SIZE);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value: number): void => view.setUint16(at, value, true);
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true);
  const u64 = (at: number, value: bigint | number): void => view.setBigUint64(at, BigInt(value), true);
  const optional = <T>(at: number, value: T | undefined, write: (value: T) => void): void => {
    u32(at, value === undefined ? NONE : SOME);
    if (value !== undefined) write(value);
  };
  const { framebuffer, kernelStack, ramdisk } = fields;

  fields.apiVersion.forEach((part, index) => u16(BOOT_INFO.api_version + index * 2, part)); // pre_release stays false
  u64(BOOT_INFO.memory_regions, fields.memoryRegions.address);
  u64(BOOT_INFO.memory_regions + 8, fields.memoryRegions.count);
  optional(BOOT_INFO.framebuffer, framebuffer, ({ virt, size, info }) => {
    u64(BOOT_INFO.framebuffer + 8, virt);
    u64(BOOT_INFO.framebuffer + 16, size);
    u64(BOOT_INFO.framebuffer + 24, info.width);
    u64(BOOT_INFO.framebuffer + 32, info.height);
    bytes.set(encodePixelFormat(info.pixelFormat), BOOT_INFO.framebuffer + 40);
    u64(BOOT_INFO.framebuffer + 48, info.bytesPerPixel);
    u64(BOOT_INFO.framebuffer + 56, info.stride);
  });
  optional(BOOT_INFO.physical_memory_offset, fields.physicalMemoryOffset, (value) => {
    u64(BOOT_INFO.physical_memory_offset + 8, value);
  });
  optional(BOOT_INFO.recursive_index, fields.recursiveIndex, (value) => u16(BOOT_INFO.recursive_index + 4, value));
  optional(BOOT_INFO.rsdp_addr, fields.rsdp, (value) => u64(BOOT_INFO.rsdp_addr + 8, value));
  optional(BOOT_INFO.tls_template, fields.tlsTemplate, ({ startAddr, fileSize, memSize }) => {
    u64(BOOT_INFO.tls_template + 8, startAddr);
    u64(BOOT_INFO.tls_template + 16, fileSize);
    u64(BOOT_INFO.tls_template + 24, memSize);
  });
  optional(BOOT_INFO.ramdisk_addr, ramdisk, ({ virt }) => u64(BOOT_INFO.ramdisk_addr + 8, virt));
  u64(BOOT_INFO.ramdisk_len, ramdisk?.size ?? 0);
  u64(BOOT_INFO.kernel_addr, fields.kernel.address);
  u64(BOOT_INFO.kernel_len, fields.kernel.size);
  u64(BOOT_INFO.kernel_image_offset, fields.imageOffset);
  u64(BOOT_INFO.kernel_stack_bottom, kernelStack?.bottom ?? 0);
  u64(BOOT_INFO.kernel_stack_len, kernelStack ? kernelStack.top - kernelStack.bottom : 0);
  return bytes;
}

/**
 * Encodes an array of `MemoryRegion`.
 *
 * @param regions The regions.
 * @returns 24 bytes for each region.
 */
export function encodeRegions(regions: readonly MachineRegion[]): Uint8Array {
  const bytes = new Uint8Array(regions.length * MEMORY_REGION_SIZE);
  const view = new DataView(bytes.buffer);
  regions.forEach(({ start, end, kind, tag }, index) => {
    const at = index * MEMORY_REGION_SIZE;
    // The last two kinds are followed by a 32-bit tag.
    const unknown = kind === "unknown-uefi" || kind === "unknown-bios";
    view.setBigUint64(at, BigInt(start), true);
    view.setBigUint64(at + 8, BigInt(end), true);
    view.setUint32(at + 16, REGION_KINDS.indexOf(kind), true);
    view.setUint32(at + 20, unknown ? tag ?? E820_RESERVED : 0, true);
  });
  return bytes;
}

function encodePixelFormat(format: PixelFormat): readonly number[] {
  if (typeof format !== "object") return [PIXEL_FORMATS.indexOf(format)];
  return [PIXEL_FORMAT_UNKNOWN, 0, 0, 0, format.redPosition, format.greenPosition, format.bluePosition];
}
