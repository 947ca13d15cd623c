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

/** What to do with a file that is not a kernel as it is. */
export interface FormatAdvice {
  /** What to do, in a sentence. It ends in a colon if there is a command. */
  readonly hint: string;
  /** The command that helps. The word `FILE` in it stands for the file's path, quoted for the shell if need be. */
  readonly command?: string;
}

/** What a file is. */
export interface FileFormat {
  /** The name of its format. */
  readonly name: FormatName;
  /** What it is, in a noun phrase such as "PE32+ image for x86-64, an EFI application". */
  readonly description: string;
  /** What to do with it, if there is something that helps. */
  readonly advice?: FormatAdvice;
}
