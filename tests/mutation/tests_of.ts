/** Which tests to run against a mutant, and in which order: a test that does not import the file cannot notice it. */

/** Tests whose processes take most of the time and run the same code. */
const LEFT_OUT: readonly string[] = [
  "tests/boot/qemu_test.ts",
  "tests/explain/map/qemu_test.ts",
  "tests/explain/tables/qemu_test.ts",
];

/** Tests that see much in a few seconds. */
const WIDE: readonly string[] = ["tests/core/original_test.ts", "tests/fuzz/part_1_test.ts"];

/** Tests that take seconds, too. */
const SLOW: readonly string[] = [
  "tests/fuzz/part_2_test.ts",
  "tests/fuzz/part_3_test.ts",
  "tests/fuzz/part_4_test.ts",
  "tests/plugins/relocate/model_test.ts",
  "tests/core/memory/exhaustion_test.ts",
  "tests/core/intake/worst_streams_test.ts",
  "tests/core/pipeline/prepare_memory_test.ts",
  "tests/core/pipeline/wrong_pipelines_test.ts",
  "tests/core/intake/streaming_test.ts",
  "tests/plugins/address_edges_test.ts",
];

const IMPORT = /\b(?:from|import) ?\(?"(\.[^"]+)"/g;

/**
 * Creates a function that returns the lists of tests to run against a mutant of a file, one after the other, until a
 * test fails: those that mirror the file, those that import it or lie in its folder, those that see much, the others,
 * and the slow ones.
 *
 * @param texts Every TypeScript file of the project, by path.
 */
export function testLists(texts: ReadonlyMap<string, string>): (file: string) => readonly (readonly string[])[] {
  const imports = new Map([...texts].map(([file, text]) => [file, importsOf(file, text)]));
  const tests = [...texts.keys()]
    .filter((file) => /^tests\/(core|plugins|boot|explain|fuzz)\/.*_test\.ts$/.test(file) && !LEFT_OUT.includes(file));
  const reached = new Map(tests.map((test) => [test, reachedFrom(test, imports)]));
  return (file) => {
    const able = tests.filter((test) => reached.get(test)!.has(file));
    const parts = file.replace(/\.ts$/, "").split("/");
    const folder = `tests/${parts.slice(0, -1).join("/")}`;
    const isNear = (test: string): boolean =>
      test.slice(0, test.lastIndexOf("/")) === folder || test.startsWith(`tests/${parts.join("/")}/`) ||
      imports.get(test)!.includes(file);
    const depthOfMirror = (test: string): number =>
      parts.findLastIndex((_, at) => at > 0 && `tests/${parts.slice(0, at + 1).join("/")}_test.ts` === test);
    const rank = (test: string): number => {
      if (depthOfMirror(test) > 0) return 0;
      if (WIDE.includes(test)) return 2;
      if (SLOW.includes(test)) return 4;
      return isNear(test) ? 1 : 3;
    };
    const mirrors = able.filter((test) => rank(test) === 0).sort((a, b) => depthOfMirror(b) - depthOfMirror(a));
    const ranked = (wanted: number): readonly string[] => able.filter((test) => rank(test) === wanted);
    const single = ranked(2).map((test) => [test]);
    return [...mirrors.map((mirror) => [mirror]), ranked(1), ...single, ranked(3), ranked(4)]
      .filter((list) => list.length > 0);
  };
}

function importsOf(file: string, text: string): readonly string[] {
  return [...text.matchAll(IMPORT)].map(([, path]) => new URL(path, `file:///${file}`).pathname.slice(1));
}

function reachedFrom(test: string, imports: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set([test]);
  for (const file of reached) for (const path of imports.get(file) ?? []) reached.add(path);
  return reached;
}
