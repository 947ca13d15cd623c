/**
 * How to give notes a segment of their own.
 *
 * @module
 */

/** What to write into the linker script; sections after one that names segments go into the same ones. */
export const NOTE_SEGMENT = "Give the notes a segment of their own with p_align 4. With text PT_LOAD; data PT_LOAD; " +
  "note PT_NOTE; in PHDRS, write .note.Xen : ALIGN(4) { *(.note.Xen) } :text :note, and :data at the next section, " +
  "which would go into the PT_NOTE otherwise.";
