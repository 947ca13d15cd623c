/**
 * The code of liblzma as a part of the module graph: Deno needs no permission for that, unlike for reading the file.
 *
 * @module
 */

/** The compiled code. */
// deno-lint-ignore no-import-prefix -- a release has no import map
export const compiled = await import.source("npm:node-liblzma@^5.1/wasm/liblzma.wasm");
