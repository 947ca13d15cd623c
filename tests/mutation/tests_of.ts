/** Which tests to run against a mutant: those of its file first, then those of its folder, then all that load kernels. */

/** The lists of paths to try, one after the other, until a test fails. */
export function testsOf(file: string, exists: (path: string) => boolean): readonly (readonly string[])[] {
  const parts = file.replace(/\.ts$/, "").split("/");
  const mirrors: string[] = [];
  for (let depth = parts.length; depth > 1; depth--) {
    const path = `tests/${parts.slice(0, depth).join("/")}_test.ts`;
    if (exists(path)) mirrors.push(path);
  }
  const folder = `tests/${parts.slice(0, -1).join("/")}`;
  const folders = exists(folder) ? [folder] : [`tests/${parts[0]}`];
  return [mirrors, folders, EVERYTHING].filter((paths) => paths.length > 0);
}

/** Not the command line and QEMU, whose processes take most of the time and run the same code. */
const EVERYTHING: readonly string[] = ["tests/core", "tests/plugins", "tests/boot", "tests/fuzz"];
