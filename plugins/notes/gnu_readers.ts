/**
 * Readers of notes with owner "GNU".
 *
 * @module
 */

import { type GnuProperties, readGnuProperties } from "../../core/elf/gnu_property.ts";
import { NT_GNU_BUILD_ID, NT_GNU_PROPERTY_TYPE_0 } from "../../core/elf/notes.ts";
import { reportMalformed } from "./diagnostics.ts";
import type { NoteReader } from "./note_reader.ts";

/** The build ID and the properties. */
export const GNU_READERS: readonly NoteReader<string | GnuProperties>[] = [
  {
    owner: "GNU",
    type: NT_GNU_BUILD_ID,
    name: "NT_GNU_BUILD_ID",
    read: (descriptor) => descriptor.length > 0 ? hexOf(descriptor) : undefined,
  },
  {
    owner: "GNU",
    type: NT_GNU_PROPERTY_TYPE_0,
    name: "NT_GNU_PROPERTY_TYPE_0",
    read: (descriptor, { fileHeader, report }, { index, descriptorOffset }) => {
      const { value, faults } = readGnuProperties(descriptor, descriptorOffset, fileHeader);
      for (const fault of faults) reportMalformed(index, fault, report);
      return value;
    },
  },
];

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
