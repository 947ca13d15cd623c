/** Guests that read from their first serial port, built from tests/fixtures/serial/echo.S. */

import { runTool } from "../tools.ts";
import { pathOf, withFolder } from "./kload.ts";

/** What the build of a guest needs. */
export const BUILD_TOOLS = ["gcc", "qemu-system-x86_64"] as const;

/** Builds a guest, with macros such as SET_UP, and passes its path on. */
export async function withEcho(
  macros: readonly string[],
  test: (path: string, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = `${folder}/echo.elf`;
    await runTool("gcc", [
      ...["-nostdlib", "-static", "-Wl,-Ttext=0xffffffff80000000", "-Wl,--build-id=none", "-o", path],
      ...macros.map((macro) => `-D${macro}`),
      pathOf("tests/fixtures/serial/echo.S"),
    ]);
    await test(path, folder);
  });
}
