/** Filters: what they mean is checked against JavaScript's own operators, what they refuse by the place of the fault. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { mapModel } from "../../../explain/map/map_model.ts";
import { type FilteredRun, parseFilter, passes } from "../../../explain/map/run_filter.ts";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { loadKernel } from "../../../mod.ts";
import { HELLO } from "../../cli/kload.ts";

const NAMES = ["file", "bss", "kernel-stack", "a.b", "ünïcode", "x"];
const QUOTED = ["two words", "a|b", "(", ""];

/** An expression as text, and the same in JavaScript. */
interface Twin {
  readonly text: string;
  readonly test: (run: FilteredRun) => boolean;
}

const spaces = fc.constantFrom("", "", " ", "\t ");
const leaf: fc.Arbitrary<Twin> = fc.oneof(
  fc.constantFrom("r", "w", "x", "R", "W", "X").map((text) => ({
    text,
    test: (run: FilteredRun) => run.permissions.includes(text.toUpperCase()),
  })),
  fc.constantFrom("u", "U").map((text) => ({ text, test: (run: FilteredRun) => run.user })),
  fc.constantFrom(...NAMES).map((name) => ({
    text: `owner:${name}`,
    test: (run: FilteredRun) => run.owner === name || run.owners?.includes(name) === true,
  })),
  fc.constantFrom(...NAMES, ...QUOTED).map((name) => ({
    text: `section:"${name}"`,
    test: (run: FilteredRun) => run.hasSection(name),
  })),
  fc.nat(3).map((index) => ({ text: `segment:${index}`, test: (run: FilteredRun) => run.segments.includes(index) })),
);

/** Text whose meaning follows from its form: `not` binds to a leaf or parentheses, `and` before `or`. */
const { or: expression } = fc.letrec<{ term: Twin; and: Twin; or: Twin }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.tuple(spaces, tie("term")).map(([space, { text, test }]) => ({
      text: `!${space}${text}`,
      test: (run: FilteredRun) => !test(run),
    })),
    fc.tuple(spaces, tie("or"), spaces).map(([before, { text, test }, after]) => ({
      text: `(${before}${text}${after})`,
      test,
    })),
  ),
  and: chain(tie("term"), ["&", "&&"], (parts, run) => parts.every((part) => part.test(run))),
  or: chain(tie("and"), ["|", "||"], (parts, run) => parts.some((part) => part.test(run))),
}));

function chain(
  part: fc.Arbitrary<Twin>,
  operators: readonly string[],
  combine: (parts: readonly Twin[], run: FilteredRun) => boolean,
): fc.Arbitrary<Twin> {
  const separator = fc.tuple(spaces, fc.constantFrom(...operators), spaces).map((texts) => texts.join(""));
  return fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), separator).map(([parts, between]) => ({
    text: parts.map(({ text }) => text).join(between),
    test: (run) => combine(parts, run),
  }));
}

const anyRun: fc.Arbitrary<FilteredRun> = fc.record({
  permissions: fc.constantFrom("R--", "R-X", "RW-", "RWX"),
  user: fc.boolean(),
  owner: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
  owners: fc.option(fc.subarray(NAMES), { nil: undefined }),
  segments: fc.subarray([0, 1, 2, 3]),
  sections: fc.subarray([...NAMES, ...QUOTED]),
}).map(({ sections, ...run }) => ({ ...run, hasSection: (name) => sections.includes(name) }));

Deno.test("an expression means what the same in JavaScript means", () => {
  fc.assert(
    fc.property(expression, anyRun, ({ text, test }, run) => {
      const parsed = parseFilter(text);
      assert("filter" in parsed, `${text}: ${JSON.stringify(parsed)}`);
      assertEquals(passes(parsed.filter, run), test(run), text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("any text is parsed, or has a fault at one of its characters or its end", () => {
  const words = fc.constantFrom(
    "r",
    "w",
    "x",
    "u",
    "&",
    "|",
    "!",
    "(",
    ")",
    "owner:",
    "section:",
    "segment:",
    '"',
    " ",
    "1",
    "😀",
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.array(words).map((all) => all.join(""))), (text) => {
      const parsed = parseFilter(text);
      if ("filter" in parsed) return;
      const { at, message } = parsed.fault;
      assert(Number.isInteger(at) && at >= 0 && at <= text.length && message !== "", text);
    }),
    { numRuns: 2000 },
  );
});

const FAULTS: readonly (readonly [text: string, at: number, message: string])[] = [
  ["", 0, "something is missing"],
  ["w &", 3, "something is missing"],
  ["w & & x", 4, "& is unexpected"],
  ["(w | x", 6, "a closing parenthesis is missing"],
  ["(w x)", 3, "x is unexpected: expected )"],
  ["w x", 2, "x is unexpected: expected & or |"],
  ["w)", 1, ") is unexpected: expected & or |"],
  ["wx", 0, "wx is not one letter: write w&x"],
  ["w & stack", 4, "stack is unexpected"],
  ["owner:", 6, "a name is missing after the colon"],
  ["owner: stack", 6, "a name is missing after the colon"],
  ['x | section:"a', 12, "the closing quote is missing"],
  ["symbol:main", 0, "symbol is unexpected"],
  ["segment:text", 8, "a segment is given by the index of its program header"],
  ["!".repeat(201) + "w", 200, "more than 200"],
  ["(".repeat(5000), 200, "more than 200"],
];

for (const [text, at, message] of FAULTS) {
  Deno.test(`the filter ${JSON.stringify(text.slice(0, 20))} is refused at character ${at}`, () => {
    const parsed = parseFilter(text);
    assert("fault" in parsed);
    assertEquals([parsed.fault.at, parsed.fault.message.includes(message)], [at, true], parsed.fault.message);
  });
}

Deno.test("a filter chooses runs of a kernel; sums are over all of them", async () => {
  const bytes = await Deno.readFile(HELLO);
  const kernel = await loadKernel(bytes);
  const symbols = await readSymbols(bytes);
  const all = await mapModel(kernel, { symbols });
  const runs = all.entries.flatMap(({ runs }) => runs);
  for (
    const [filter, chosen] of [["w", [2, 3]], ["x | owner:bss", [0, 3]], ["segment:1", [1]], ["w & x", []]] as const
  ) {
    const { entries, totals, gaps } = await mapModel(kernel, { symbols, filter });
    assertEquals(entries[0].runs, chosen.map((at) => runs[at]), filter);
    assertEquals(entries[0].left.runs, runs.length - chosen.length);
    assertEquals([totals, gaps], [all.totals, []]);
  }
});

Deno.test("a filter by section splits runs by section, and chooses the pages that have some of it", async () => {
  const bytes = await Deno.readFile(HELLO);
  const kernel = await loadKernel(bytes);
  const symbols = await readSymbols(bytes);
  const { entries } = await mapModel(kernel, { symbols, filter: "section:.bss & w" });
  const { address, size } = symbols.sections.find(({ name }) => name === ".bss")!;
  const page = 0x1000n;
  const start = address - address % page;
  const end = (address + size + page - 1n) / page * page;
  const [first, ...more] = entries[0].runs;
  const last = more.at(-1) ?? first;
  assertEquals([first.virt, last.virt + BigInt(last.size)], [start, end]);
  assertEquals((await mapModel(kernel, { filter: "section:.bss" })).entries[0].runs, []);
});
