/**
 * The code of liblzma, which unpacks xz and lzma data.
 *
 * @module
 */

/**
 * Imports the code, for which Deno needs no permission; the package itself would read its file.
 *
 * @returns The compiled code.
 */
export async function liblzma(): Promise<WebAssembly.Module> {
  // @ts-types="./liblzma_wasm.d.ts"
  return (await import("./liblzma_wasm.js")).compiled;
}
