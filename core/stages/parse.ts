/**
 * The stage parse: reads the ELF file header and the program header table.
 *
 * @module
 */

import { EI_CLASS, EI_NIDENT, ELF_MAGIC, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, EM_X86_64 } from "../elf/constants.ts";
import { ET_DYN, ET_EXEC, PN_XNUM, RECORD_SIZES, type RecordSizes } from "../elf/constants.ts";
import { type FileHeader, readFileHeader } from "../elf/file_header.ts";
import { type ProgramHeader, readProgramHeader } from "../elf/program_header.ts";
import { elfReader } from "../elf/reader.ts";
import { LoadError } from "../errors.ts";
import type { Intake } from "../intake/intake.ts";
import type { Rules } from "../rules.ts";
import { type ImageStage, imageStage, type Reads } from "../pipeline/stage.ts";

/** Reads the headers (gABI, "ELF Header" and "Program Header") and refuses a file that is not a kernel for x86-64. */
export const parse: ImageStage<
  "parse",
  Reads<"rules" | "settings" | "intake" | "pause">,
  Reads<"fileHeader" | "programHeaders">
> = imageStage(
  "parse",
  { needs: ["rules", "settings", "intake", "pause"], adds: ["fileHeader", "programHeaders"] },
  async ({ rules, settings, intake, pause }) => {
    const fileHeader = readHeader(intake, await intake.require(RECORD_SIZES[ELFCLASS64].fileHeader));
    const sizes = checkHeader(fileHeader, rules);
    const { e_phoff, e_phnum, e_shoff, e_shentsize, e_shnum } = fileHeader;
    const tableEnd = e_phoff + BigInt(fileHeader.e_phentsize * e_phnum);
    if (rules.checksTableRanges) {
      const headersLength = await intake.lengthUpTo(Number(tableEnd));
      checkInFile("program-headers-out-of-file", "e_phoff + e_phentsize * e_phnum", tableEnd, headersLength);
      const sectionsEnd = e_shoff + BigInt(e_shentsize * e_shnum);
      const sectionsLength = await intake.lengthUpTo(Number(sectionsEnd));
      checkInFile("section-headers-out-of-file", "e_shoff + e_shentsize * e_shnum", sectionsEnd, sectionsLength);
    }
    if (e_phnum === 0) return { fileHeader, programHeaders: [] };
    const field = "e_phoff + e_phentsize * e_phnum";
    if (tableEnd > BigInt(settings.maxMemory)) {
      throw new LoadError("memory-limit-exceeded", { field, value: tableEnd, limit: settings.maxMemory });
    }
    checkInFile("program-headers-out-of-file", field, tableEnd, await intake.require(Number(tableEnd)));
    const start = Number(e_phoff);
    const table = elfReader(intake.bytes(start, sizes.programHeader * e_phnum), {
      subject: "the program header table",
      fileOffset: start,
    });
    const programHeaders: ProgramHeader[] = [];
    for (let index = 0; index < e_phnum; index++) {
      programHeaders.push(readProgramHeader(table, index * sizes.programHeader, index, fileHeader.EI_CLASS));
      const pausing = index % HEADERS_PER_PAUSE === 0 ? pause() : undefined;
      if (pausing) await pausing;
    }
    return { fileHeader, programHeaders };
  },
);

/** How many headers to read before asking whether a pause is due. */
const HEADERS_PER_PAUSE = 256;

const FILE_HEADER = "the ELF file header";

function readHeader(intake: Intake, length: number): FileHeader {
  const longest = RECORD_SIZES[ELFCLASS64].fileHeader;
  const bytes = intake.bytes(0, length);
  const tooShort = (limit: number) =>
    new LoadError("file-too-short", { subject: FILE_HEADER, field: "the file's length", value: length, limit });
  if (length < ELF_MAGIC.length) throw tooShort(longest);
  const reader = elfReader(bytes, { subject: FILE_HEADER, fileOffset: 0 });
  if (ELF_MAGIC.some((byte, index) => reader.u8(index) !== byte)) {
    const magic = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    throw new LoadError("not-elf", { field: "its magic number", value: magic });
  }
  if (length < EI_NIDENT) throw tooShort(longest);
  const fileClass = reader.u8(EI_CLASS);
  if (fileClass !== ELFCLASS32 && fileClass !== ELFCLASS64) {
    throw new LoadError("class-unsupported", { field: "EI_CLASS", value: fileClass });
  }
  const { fileHeader } = RECORD_SIZES[fileClass];
  if (length < fileHeader) throw tooShort(fileHeader);
  return readFileHeader(reader);
}

/** Refuses a header that cannot be read, or that the rules do not accept; returns the record sizes of its class. */
function checkHeader(header: FileHeader, rules: Rules): RecordSizes {
  const { EI_CLASS, EI_DATA, EI_VERSION, e_type, e_machine, e_phnum, e_phoff } = header;
  const refuse = (code: IdentityCode, field: string, value: number): never => {
    throw new LoadError(code, { field, value });
  };
  if (rules.onlyLittleEndian && EI_DATA !== ELFDATA2LSB) refuse("data-encoding-unsupported", "EI_DATA", EI_DATA);
  if (rules.onlyX86) {
    if (EI_CLASS !== ELFCLASS64) refuse("class-unsupported", "EI_CLASS", EI_CLASS);
    if (e_machine !== EM_X86_64) refuse("machine-unsupported", "e_machine", e_machine);
  }
  if (rules.onlyExecutables && e_type !== ET_EXEC && e_type !== ET_DYN) refuse("type-unsupported", "e_type", e_type);
  if (EI_DATA === 0) refuse("data-encoding-unsupported", "EI_DATA", EI_DATA);
  if (EI_VERSION === 0) refuse("version-unsupported", "EI_VERSION", EI_VERSION);
  const sizes = RECORD_SIZES[EI_CLASS as keyof typeof RECORD_SIZES];
  checkRecordSize("e_ehsize", header.e_ehsize, sizes.fileHeader);
  if (e_phnum > 0) {
    if (e_phnum === PN_XNUM && !rules.takesCountLiterally) refuse("program-header-count-extended", "e_phnum", e_phnum);
    if (e_phoff === 0n) refuse("program-headers-missing", "e_phoff", 0);
    checkRecordSize("e_phentsize", header.e_phentsize, sizes.programHeader);
    const align = EI_CLASS === ELFCLASS64 ? 8n : 4n;
    if (rules.checksTableAlignment && e_phoff % align !== 0n) {
      throw new LoadError("program-headers-misaligned", { field: "e_phoff", value: e_phoff, limit: Number(align) });
    }
  }
  return sizes;
}

type IdentityCode =
  | "class-unsupported"
  | "data-encoding-unsupported"
  | "version-unsupported"
  | "type-unsupported"
  | "machine-unsupported"
  | "program-header-count-extended"
  | "program-headers-missing";

function checkRecordSize(field: string, value: number, limit: number): void {
  if (value !== limit) throw new LoadError("record-size-mismatch", { field, value, limit });
}

function checkInFile(
  code: "program-headers-out-of-file" | "section-headers-out-of-file",
  field: string,
  value: bigint,
  length: number,
): void {
  if (value > BigInt(length)) throw new LoadError(code, { field, value, limit: length });
}
