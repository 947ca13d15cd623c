/**
 * The code of liblzma as a part of the module graph: Deno needs no permission for that, unlike for reading the file.
 *
 * @module
 */

/** The compiled code. */
export const compiled = await import.source("node-liblzma/wasm/liblzma.wasm");
