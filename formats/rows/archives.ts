/**
 * Archives and disk images: files that hold other files.
 *
 * @module
 */

import { type Head, quoted } from "../head.ts";
import type { FormatRow } from "./row.ts";

const HOLDS_FILES = "It holds other files. Unpack it, and use the kernel in it:";

/** Archives. */
export const ARCHIVES: readonly FormatRow[] = [
  { // ar(5): ARMAG; GNU ar's thin archives name files instead of holding them; deb(5) starts with "debian-binary"
    name: "ar",
    test: (head) => head.has(0, "!<arch>\n") || isThin(head),
    describe: (head) =>
      isDebian(head) ? "Debian package (ar)" : isThin(head) ? "thin static library (ar)" : "static library (ar)",
    advise: (head) => {
      if (isDebian(head)) return { hint: HOLDS_FILES, command: "dpkg-deb -x FILE ." };
      if (isThin(head)) {
        return { hint: "It names object files that are not linked yet. List and link them:", command: "ar t FILE" };
      }
      return { hint: "It holds object files that are not linked yet. Extract and link them:", command: "ar x FILE" };
    },
  },
  { // POSIX pax, "ustar Interchange Format": magic
    name: "tar",
    test: (head) => head.has(257, "ustar"),
    describe: (head) => `tar archive${firstEntry(head.text(0, 100))}`,
    advise: () => ({ hint: HOLDS_FILES, command: "tar -xf FILE" }),
  },
  { // APPNOTE.TXT 4.3.7 "Local file header", 4.3.16 "End of central directory record", 8.5.3 spanning marker
    name: "zip",
    test: (head) => ["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"].some((magic) => head.has(0, magic)),
    describe: (head) => `ZIP archive${head.u8(2) === 3 ? firstEntry(head.text(30, head.u16(26))) : ""}`,
    advise: () => ({ hint: HOLDS_FILES, command: "unzip FILE" }),
  },
  { // cpio(5): "New ASCII Format", "Portable ASCII Format", "Old Binary Format" in either byte order
    name: "cpio",
    test: (head) =>
      ["070701", "070702", "070707"].some((magic) => head.has(0, magic)) ||
      (isCpioBinary(head) && head.bytes.length >= 26),
    describe: (head) => `cpio archive${head.has(0, "07070") && head.u8(5) !== 0x37 ? firstEntry(newcName(head)) : ""}`,
    advise: () => ({
      hint:
        "It is probably an initial ramdisk, for --ramdisk of kload run, image or dump; give the kernel itself. To " +
        "unpack it:",
      command: "cpio -id < FILE",
    }),
  },
];

const MADE_FROM = "Use the ELF kernel that it was made from; for bootimage-NAME.bin, that is NAME in the same folder.";

/** A disk's file system is recognized before its first sector, which many of them also have. */
export const ISO: FormatRow = { // ECMA-119, 8.4 "Primary Volume Descriptor": in sector 16
  name: "iso9660",
  test: (head) => head.has(0x8001, "CD001"),
  describe: (head) => {
    const volume = head.text(0x8028, 32).trim();
    return `ISO 9660 image${volume === "" ? "" : `, volume ${quoted(volume)}`}`;
  },
  advise: () => ({
    hint: "Use the ELF kernel that it was made from, or extract it:",
    command: "xorriso -osirrox on -indev FILE -extract / extracted",
  }),
};

/** Any sector that a BIOS boots ends in 0xaa55. */
export const BOOT_SECTOR: FormatRow = {
  name: "boot-sector",
  test: (head) => head.u16(510) === 0xaa55,
  describe: (head) => {
    const hasGpt = head.has(512, "EFI PART"); // UEFI, "GPT Header"
    const isFat = head.has(54, "FAT1") || head.has(82, "FAT32"); // FAT: BS_FilSysType
    return `boot sector of a disk image${hasGpt ? " with a GUID partition table" : isFat ? " (FAT file system)" : ""}`;
  },
  advise: () => ({ hint: MADE_FROM }),
};

function isThin(head: Head): boolean {
  return head.has(0, "!<thin>\n");
}

function isDebian(head: Head): boolean {
  return head.has(8, "debian-binary");
}

function isCpioBinary(head: Head): boolean {
  return head.u16(0) === 0o070707 || head.has(0, [0x71, 0xc7]);
}

/** The name follows a header of 110 bytes, of which c_namesize is the twelfth field of 8 hex digits after the magic. */
function newcName(head: Head): string {
  return head.text(110, parseInt(head.text(94, 8), 16) || 0);
}

function firstEntry(name: string): string {
  return name === "" ? "" : `, first entry ${quoted(name)}`;
}
