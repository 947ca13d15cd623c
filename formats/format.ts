/**
 * The formats that a file can have.
 *
 * @module
 */

/** The name of a file format. */
export type FormatName =
  | "elf"
  | "bzimage"
  | "gzip"
  | "xz"
  | "zstd"
  | "lz4"
  | "lz4-legacy"
  | "bzip2"
  | "lzma"
  | "lzo"
  | "pe"
  | "mach-o"
  | "wasm"
  | "llvm-bitcode"
  | "ar"
  | "tar"
  | "zip"
  | "cpio"
  | "iso9660"
  | "boot-sector"
  | "arm64-image"
  | "riscv-image"
  | "uimage"
  | "device-tree"
  | "git-lfs-pointer"
  | "html"
  | "script"
  | "text"
  | "empty"
  | "unknown";
