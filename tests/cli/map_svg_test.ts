/** The image of a map: well-formed, complete without its colors, to scale, and safe whatever names are in it. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { mapSvg } from "../../cli/report/map_svg.ts";
import type { MapModel, MapRun } from "../../explain/map/address_map.ts";
import { mapModel } from "../../explain/map/map_model.ts";
import { readSymbols } from "../../explain/symbols/read_symbols.ts";
import { loadKernel } from "../../mod.ts";
import { elementsOf, parseXml, textOf, type XmlElement } from "../xml.ts";
import { HELLO, kload, kloadJson, withFile, withFolder } from "./kload.ts";

async function helloModel(): Promise<MapModel> {
  const bytes = await Deno.readFile(HELLO);
  return await mapModel(await loadKernel(bytes), { symbols: await readSymbols(bytes) });
}

/** The elements that have no meaning for the reader of an image. */
function fillsOf(svg: XmlElement): readonly string[] {
  return elementsOf(svg, "rect").map(({ attributes }) => attributes.get("fill") ?? "").filter((fill) =>
    fill.startsWith("url(")
  );
}

Deno.test("the image of hello has these lines", async () => {
  const svg = parseXml(mapSvg(await helloModel(), { name: "hello.elf" }));
  assertEquals(elementsOf(svg, "text").map(textOf), [
    "Address space of hello.elf",
    "24 KiB mapped in 4 runs, nothing writable and executable",
    "R--",
    "R-X",
    "RW-",
    "… about 256 TiB not mapped",
    "Level-4 entry 511: 0xffffff8000000000..=0xffffffffffffffff, 24 KiB in 4 runs",
    "R-X 0xffffffff80000000..0xffffffff80001000, 4 KiB, file",
    "physical 0x201000, file offset 0x1000, program header 0, .text, _start to kernel_main (16 symbols)",
    "R-- 0xffffffff80001000..0xffffffff80002000, 4 KiB, file",
    "physical 0x202000, file offset 0x2000, program header 1, .rodata, pointers to tls_layout (3 symbols)",
    "RW- 0xffffffff80002000..0xffffffff80003000, 4 KiB, copy",
    "physical 0x208000, program header 2, .tdata to .bss (3 sections), variables to bss_start (3 symbols)",
    "RW- 0xffffffff80003000..0xffffffff80006000, 12 KiB, bss",
    "physical 0x209000, program header 2, .bss, zeroes to tls_arena (2 symbols)",
    "… about 2 GiB not mapped",
  ]);
});

Deno.test("an image has a name and a description for those who cannot see it", async () => {
  const svg = parseXml(mapSvg(await helloModel(), { name: "hello.elf" }));
  assertEquals([svg.name, svg.attributes.get("role")], ["svg", "img"]);
  const [title, desc] = svg.children.filter((child) => typeof child !== "string");
  assertEquals([title.name, desc.name], ["title", "desc"]);
  assertEquals(svg.attributes.get("aria-labelledby"), `${title.attributes.get("id")} ${desc.attributes.get("id")}`);
  assertEquals(
    textOf(desc),
    "24 KiB mapped in 4 runs, nothing writable and executable. 1 level-4 entry in use. By " +
      "permission: R-- 4 KiB, R-X 4 KiB, RW- 16 KiB.",
  );
});

Deno.test("an image needs nothing from elsewhere, and every pattern in it is defined", async () => {
  const text = mapSvg(await helloModel(), { name: "hello.elf" });
  assertEquals(text.match(/\w+:\/\/[^"]*/g), ["http://www.w3.org/2000/svg"]);
  const svg = parseXml(text);
  for (const name of ["script", "image", "a", "use", "foreignObject"]) assertEquals(elementsOf(svg, name), []);
  const ids = elementsOf(svg, "pattern").map(({ attributes }) => `url(#${attributes.get("id")})`);
  for (const fill of fillsOf(svg)) assert(ids.includes(fill), fill);
});

Deno.test("the strip of an entry is to scale, without its gaps", async () => {
  const svg = parseXml(mapSvg(await helloModel(), { name: "hello.elf" }));
  const strip = elementsOf(svg, "g").flatMap((group) => elementsOf(group, "rect")).map(({ attributes }) => {
    return [Number(attributes.get("x")) - 24, Number(attributes.get("width")), attributes.get("fill")];
  });
  // 912 units for six pages: 152 each
  assertEquals(strip, [
    [0, 152, "url(#R-X)"],
    [152, 152, "url(#R--)"],
    [304, 152, "url(#RW-)"],
    [456, 456, "url(#RW-)"],
  ]);
});

Deno.test("the letters of each run stand next to its pattern, and user mode has a letter", async () => {
  const model = await helloModel();
  const [entry] = model.entries;
  const runs = (["R--", "R-X", "RW-", "RWX"] as const).map((permissions, at): MapRun => ({
    ...entry.runs[0],
    virt: BigInt(0x1000 * at),
    permissions,
    user: at % 2 === 1,
  }));
  const permissions = runs.map(({ permissions, user }) => ({ permissions, user, pages: 1, bytes: 4096n }));
  const totals = { ...model.totals, permissions, writableAndExecutable: 1 };
  const svg = parseXml(mapSvg({ ...model, gaps: [], totals, entries: [{ ...entry, virt: 0n, runs }] }, { name: "x" }));
  const lines = elementsOf(svg, "text").map(textOf);
  assertEquals(lines.filter((line) => /^R[W-][X-]U? /.test(line)).map((line) => line.split(" ")[0]), [
    "R--",
    "R-XU",
    "RW-",
    "RWXU",
  ]);
  assertStringIncludes(lines[1], "1 page writable and executable");
});

Deno.test("names of files, owners, sections and symbols are escaped, and cut where they are long", async () => {
  const model = await helloModel();
  const [entry] = model.entries;
  const evil = `<script>alert("&amp;")</script>]]>'\u0000\u001b\u202e\ud800\uffff`;
  const runs = entry.runs.map((run) => ({
    ...run,
    owner: evil,
    sections: { first: evil, last: evil, count: 1 },
    symbols: { first: "_Z".padEnd(5000, "x"), last: evil, count: 2 },
  }));
  const text = mapSvg({ ...model, entries: [{ ...entry, runs }] }, { name: evil, filter: `owner:"${evil}"` });
  const svg = parseXml(text);
  assertEquals(elementsOf(svg, "script"), []);
  assert(!text.includes("\u202e"));
  const lines = elementsOf(svg, "text").map(textOf);
  assertStringIncludes(lines[0], `<script>alert("&amp;")</script>]]>'\\u0000\\u001b\\u202e`);
  for (const line of lines) assert(line.length <= 130, `${line.length}`);
});

Deno.test("a map that ends early, an empty one and one with entries that cannot be listed are images, too", async () => {
  const model = await helloModel();
  const stopped = mapSvg({ ...model, stopped: { virt: 0x1000n, because: "limit" } }, { name: "x" });
  assertStringIncludes(textOf(elementsOf(parseXml(stopped), "desc")[0]), "The rest of the address space is not shown.");
  const nothing = { ...model.totals, runs: 0, bytes: 0n, permissions: [] };
  parseXml(mapSvg({ ...model, entries: [], totals: nothing }, { name: "x" }));
  const part = { kind: "unknown" as const, level: 3 as const, table: 0x5000, virt: 0n, size: 2 ** 39 };
  const svg = parseXml(mapSvg({ ...model, parts: [part] }, { name: "x" }));
  const lines = elementsOf(svg, "text").map(textOf);
  assert(
    lines.includes("… 512 GiB unknown: the level-3 table at 0x5000 is outside the known memory"),
    lines.join("\n"),
  );
});

Deno.test("--svg prints the image; with -o it is written, and nothing is printed but JSON", async () => {
  const { status, stdout, stderr } = await kload(["map", HELLO, "--svg"]);
  assertEquals([status, stderr], [0, ""]);
  assertEquals(elementsOf(parseXml(stdout), "text").length, 16);
  await withFolder(async (folder) => {
    const path = `${folder}/map.svg`;
    assertEquals(await kload(["map", HELLO, "--svg", "-o", path]), { status: 0, stdout: "", stderr: "" });
    assertEquals(await Deno.readTextFile(path), stdout);
    const { json } = await kloadJson(["map", HELLO, "--svg", "-o", `${folder}/again.svg`]);
    assertEquals([json.totals.runs, await Deno.readTextFile(`${folder}/again.svg`)], [4, stdout]);
  });
});

Deno.test("an image never replaces the kernel, or the dump that it shows", async () => {
  const bytes = await Deno.readFile(HELLO);
  await withFile("kernel.elf", bytes, async (path, folder) => {
    const dump = `${folder}/memory.bin`;
    const { level4Frame } = (await kloadJson([path, "--dump", dump])).json;
    const size = (await Deno.stat(dump)).size;
    for (const [args, output] of [[[path], path], [["--memory", dump, "--cr3", level4Frame], dump]] as const) {
      const { status, stderr } = await kload(["map", ...args, "--svg", "-o", output]);
      assertEquals(status, 1);
      assertStringIncludes(stderr, "error[image-failed]");
    }
    assertEquals([await Deno.readFile(path), (await Deno.stat(dump)).size], [bytes, size]);
  });
});
