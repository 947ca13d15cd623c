/**
 * The code of liblzma as a part of the module graph: Deno needs no permission for that, unlike for reading the file. The
 * version is that of deno.json, which is not consulted for such imports after publishing.
 *
 * @module
 */

/** The compiled code. */
export const compiled = await import.source("npm:node-liblzma@^5.1/wasm/liblzma.wasm");
