/**
 * The code of iced-x86 as a part of the module graph: Deno needs no permission for that, unlike for reading the file.
 *
 * @module
 */

/** The compiled code. */
// deno-lint-ignore no-import-prefix -- a release has no import map
export const compiled = await import.source("npm:iced-x86@1.21.0/iced_x86_bg.wasm");
