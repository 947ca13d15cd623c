/**
 * The setup header of a Linux kernel image for x86 (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").
 *
 * @module
 */

import type { FileBytes } from "../../core/file/file_model.ts";

/** Offsets of the fields in the file, which are those in the zero page too. */
export const SETUP_OFFSETS = {
  setup_sects: 0x1f1,
  syssize: 0x1f4,
  boot_flag: 0x1fe,
  header: 0x202,
  version: 0x206,
  kernel_version: 0x20e,
  loadflags: 0x211,
  code32_start: 0x214,
  relocatable_kernel: 0x234,
  xloadflags: 0x236,
  payload_offset: 0x248,
  payload_length: 0x24c,
  pref_address: 0x258,
  init_size: 0x260,
} as const;

/** The last byte of the fields that are read here, and one. */
const END = SETUP_OFFSETS.init_size + 4;

/** "HdrS", as a little-endian number: images without it are from before protocol 2.00. */
export const HDRS = 0x5372_6448;

/** `boot_flag` of every image. */
export const BOOT_FLAG = 0xaa55;

/** The bit of `loadflags` that tells a bzImage, loaded at 1 MiB, from a zImage. */
export const LOADED_HIGH = 1;

/** The bit of `xloadflags` that says that there is a 64-bit entry, 0x200 after the 32-bit one. */
export const XLF_KERNEL_64 = 1;

/** Versions of the protocol that brought fields: of the payload, of `init_size`, of `xloadflags`. */
export const VERSION_OF = { payload: 0x208, relocatable: 0x205, init_size: 0x20a, xloadflags: 0x20c } as const;

const SECTOR = 512;

/** The setup header, as it is in the file. Fields that the file is too short for are 0. */
export interface SetupHeader {
  /** "HdrS" as a number, in images since protocol 2.00. */
  readonly header: number;
  /** 0xaa55. */
  readonly boot_flag: number;
  /** The version of the boot protocol: 0x20f is 2.15. */
  readonly version: number;
  /** Sectors of 512 bytes after the first one, up to the protected-mode code; 0 means 4. */
  readonly setup_sects: number;
  /** File offset of the protected-mode code. */
  readonly setupSize: number;
  /** Size of the protected-mode code in units of 16 bytes. */
  readonly syssize: number;
  /** Offset of the version string, less 0x200; 0 if there is none. */
  readonly kernel_version: number;
  /** Flags: bit 0 is {@linkcode LOADED_HIGH}. */
  readonly loadflags: number;
  /** Where the protected-mode code is loaded and entered. */
  readonly code32_start: number;
  /** Whether it can be loaded elsewhere. */
  readonly relocatable_kernel: number;
  /** Flags of protocol 2.12: bit 0 is {@linkcode XLF_KERNEL_64}. */
  readonly xloadflags: number;
  /** Offset of the compressed kernel from the start of the protected-mode code. */
  readonly payload_offset: number;
  /** Length of the compressed kernel. */
  readonly payload_length: number;
  /** Where the kernel prefers to run. */
  readonly pref_address: bigint;
  /** How much memory it needs there before it reads the memory map. */
  readonly init_size: number;
}

/**
 * Reads the setup header. Nothing is checked: any file has bytes there.
 *
 * @param file The file, with its first part read.
 * @returns The header.
 */
export function readSetupHeader(file: FileBytes): SetupHeader {
  const bytes = new Uint8Array(END);
  bytes.set(file.bytes(0, END));
  const view = new DataView(bytes.buffer);
  const at = SETUP_OFFSETS;
  const setup_sects = view.getUint8(at.setup_sects);
  return {
    header: view.getUint32(at.header, true),
    boot_flag: view.getUint16(at.boot_flag, true),
    version: view.getUint16(at.version, true),
    setup_sects,
    setupSize: ((setup_sects || 4) + 1) * SECTOR,
    syssize: view.getUint32(at.syssize, true),
    kernel_version: view.getUint16(at.kernel_version, true),
    loadflags: view.getUint8(at.loadflags),
    code32_start: view.getUint32(at.code32_start, true),
    relocatable_kernel: view.getUint8(at.relocatable_kernel),
    xloadflags: view.getUint16(at.xloadflags, true),
    payload_offset: view.getUint32(at.payload_offset, true),
    payload_length: view.getUint32(at.payload_length, true),
    pref_address: view.getBigUint64(at.pref_address, true),
    init_size: view.getUint32(at.init_size, true),
  };
}

/**
 * The version of the boot protocol, as people write it.
 *
 * @param version A `version`, such as 0x20f.
 * @returns Such as "2.15".
 */
export function protocolVersion(version: number): string {
  return `${version >> 8}.${(version & 0xff).toString().padStart(2, "0")}`;
}
