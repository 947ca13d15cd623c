/** The symbols of two builds, compared by name: held against what nm prints. */

import { assert, assertEquals } from "@std/assert";
import { diffKernels, readSymbols } from "../../../explain/mod.ts";
import { nameDifferences } from "../../../explain/diff/name_differences.ts";
import { loadKernel } from "../../../mod.ts";
import { runTool, testWithTools } from "../../tools.ts";

const SOURCE = `
int counter = 3;
int table[64] = {1, 2, 3};
#ifdef NEW
__attribute__((noinline)) int added(int x) { return x * 7; }
#else
__attribute__((noinline)) int removed(int x) { return x + 1; }
#endif
__attribute__((noinline)) int work(int x) {
#ifdef NEW
  return added(x) + counter + table[x & 63] * 3;
#else
  return removed(x) + counter;
#endif
}
__attribute__((noinline)) int same(int x) { return x ^ 5; }
void _start(void) { for (;;) counter = same(work(counter)); }
`;

const FLAGS = ["-O1", "-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-mcmodel=kernel"];

interface Named {
  readonly address: bigint;
  readonly size: bigint;
}

/** The symbols of a file, as nm prints them. */
async function namesOf(path: string): Promise<ReadonlyMap<string, Named>> {
  const lines = (await runTool("nm", ["-S", path])).trim().split("\n");
  return new Map(lines.map((line): [string, Named] => {
    const [, address, size = "0", name] = /^(\w+)(?: (\w{16}))? \w (.+)$/.exec(line) ?? [];
    return [name, { address: BigInt(`0x${address}`), size: BigInt(`0x${size}`) }];
  }));
}

testWithTools(["gcc", "nm"], "symbols that two builds do not share, or of another size, are those of nm", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kload-" });
  try {
    await Deno.writeTextFile(`${folder}/k.c`, SOURCE);
    const build = async (name: string, ...more: string[]): Promise<string> => {
      const path = `${folder}/${name}`;
      await runTool("gcc", [...FLAGS, "-Wl,-Ttext=0xffffffff80000000", ...more, "-o", path, `${folder}/k.c`]);
      return path;
    };
    const paths = [await build("old.elf"), await build("new.elf", "-DNEW")];
    const [old, fresh] = await Promise.all(paths.map(namesOf));
    const expected = [
      ...[...old].filter(([name]) => !fresh.has(name)).map(([name, a]) => ({ kind: "removed", name, a })),
      ...[...fresh].filter(([name]) => !old.has(name)).map(([name, b]) => ({ kind: "added", name, b })),
      ...[...old].flatMap(([name, a]) => {
        const b = fresh.get(name);
        return b && b.size !== a.size ? [{ kind: "resized", name, a, b }] : [];
      }),
    ];
    assertEquals(expected.map(({ kind, name }) => `${kind} ${name}`), [
      "removed removed",
      "added added",
      "resized work",
    ]);
    const files = await Promise.all(paths.map((path) => Deno.readFile(path)));
    const [a, b] = await Promise.all(files.map((file) => readSymbols(file)));
    const kernels = await Promise.all(files.map((file) => loadKernel(file)));
    const { names } = diffKernels(kernels[0], kernels[1], { symbols: { a, b } });
    assert(names);
    const sorted = (items: readonly { readonly name: string }[]) =>
      items.toSorted((one, other) => one.name < other.name ? -1 : 1);
    assertEquals<unknown>(sorted(names.items), sorted(expected));
    const moved = [...old].filter(([name, { address, size }]) => {
      const other = fresh.get(name);
      return other && other.size === size && other.address !== address;
    });
    assertEquals([names.added, names.removed, names.resized, names.moved], [1, 1, 1, moved.length]);
    assert(moved.length > 0);
    // One side alone says nothing about what the other lacks.
    assertEquals(diffKernels(kernels[0], kernels[1], { symbols: { a } }).names, undefined);
    const cut = [...ended(nameDifferences(a, b, 1))];
    assertEquals(cut.map(({ items, more }) => [items.length, more]), [[1, 2]]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What work in steps returns. */
function* ended<T>(steps: Generator<void, T, void>): Generator<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return yield value;
  }
}
