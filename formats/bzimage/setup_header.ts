/**
 * The setup header of a Linux kernel image for x86 (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").
 *
 * @module
 */

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

/** Where the fields end that are read here. */
export const SETUP_END: number = SETUP_OFFSETS.init_size + 4;

/** "HdrS", as a little-endian number: images without it are from before protocol 2.00. */
export const HDRS = 0x5372_6448;

/** `boot_flag` of every image. */
export const BOOT_FLAG = 0xaa55;

/** The bit of `loadflags` that tells a bzImage, loaded at 1 MiB, from a zImage. */
export const LOADED_HIGH = 1;

/** The bit of `xloadflags` that says that there is a 64-bit entry, 0x200 after the 32-bit one. */
export const XLF_KERNEL_64 = 1;

/** Versions of the protocol that brought fields. That with the payload's came with Linux 2.6.26. */
export const VERSION_OF = { payload: 0x208, relocatable: 0x205, init_size: 0x20a, xloadflags: 0x20c } as const;

/** Protocol 2.09 is that of Linux 2.6.29, the last that could be built as a zImage; 2.10 came later. */
const LAST_ZIMAGE = 0x209;

/** The longest version string that is read. */
const LONGEST_VERSION = 256;

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
 * @param head The first bytes of the file, {@linkcode SETUP_END} at least unless it has fewer.
 * @returns The header.
 */
export function readSetupHeader(head: Uint8Array): SetupHeader {
  const bytes = new Uint8Array(SETUP_END);
  bytes.set(head.subarray(0, SETUP_END));
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

/**
 * Whether a file is a Linux kernel image for x86.
 *
 * @param setup What is where its setup header would be.
 * @returns True if both magic numbers are there.
 */
export function isLinuxImage({ header, boot_flag }: SetupHeader): boolean {
  return header === HDRS && boot_flag === BOOT_FLAG;
}

/**
 * Whether an image is a zImage, which is loaded below 1 MiB.
 *
 * @param setup Its setup header.
 * @returns False if it is a bzImage.
 */
export function isZImage({ version, loadflags }: SetupHeader): boolean {
  return version <= LAST_ZIMAGE && (loadflags & LOADED_HIGH) === 0;
}

/**
 * The range of the compressed kernel in an image.
 *
 * @param setup The image's setup header.
 * @returns Its file offset and length; `undefined` if the header records none.
 */
export function payloadRange(
  { version, setupSize, payload_offset, payload_length }: SetupHeader,
): { readonly offset: number; readonly length: number } | undefined {
  if (version < VERSION_OF.payload || payload_length === 0) return undefined;
  return { offset: setupSize + payload_offset, length: payload_length };
}

/**
 * The version string of an image's kernel, which lies in the real-mode code.
 *
 * @param head The first bytes of the image.
 * @param setup Its setup header.
 * @returns Such as "6.1.0-56-cloud-amd64 (builder@host) #1 SMP"; `undefined` if it is not there, or not text.
 */
export function kernelVersion(head: Uint8Array, { kernel_version, setupSize }: SetupHeader): string | undefined {
  const offset = kernel_version + 0x200;
  if (kernel_version === 0 || offset >= setupSize) return undefined;
  const field = head.slice(offset, offset + LONGEST_VERSION); // text decoders in browsers refuse shared memory
  const text = new TextDecoder("latin1").decode(field).split("\0", 1)[0];
  return /^[ -~]+$/.test(text) ? text : undefined;
}
