/** Kernels of gcc and ld for tests, in a folder that is removed. */

import { runTool } from "../tools.ts";

/** The tools that these tests need. */
export const GCC_TOOLS: readonly string[] = ["gcc", "readelf"];

/** What to build. */
export interface Program {
  /** C source; a main loop and two functions where it is left out. */
  readonly c?: string;
  /** Assembler source, preprocessed. */
  readonly asm?: string;
  /** A linker script. */
  readonly script?: string;
  /** More flags for gcc. */
  readonly flags?: readonly string[];
}

const C = `
int counter;
int grow(int by) { return by + counter; }
int shrink(int by) { return counter - grow(by) * 3; }
void _start(void) { counter = grow(3) + shrink(4); for (;;); }
`;

/** Builds a program and hands out its path; flags decide whether it is fixed or position-independent. */
export async function withProgram({ c = C, asm, script, flags = [] }: Program, use: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const files = { "kernel.c": c, "more.S": asm, "kernel.ld": script };
    for (const [name, text] of Object.entries(files)) {
      if (text !== undefined) await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const path = `${folder}/kernel.elf`;
    const sources = [`${folder}/kernel.c`, ...(asm === undefined ? [] : [`${folder}/more.S`])];
    const link = script === undefined ? [] : [`-Wl,-T,${folder}/kernel.ld`];
    const common = ["-O1", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fcf-protection=none"];
    await runTool("gcc", [...common, ...sources, ...link, ...flags, "-o", path]);
    await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
