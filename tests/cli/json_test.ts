import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import type { Kernel } from "../../cli/report/kernel.ts";
import { inspectJson } from "../../cli/report/inspect_json.ts";
import { errorJson, kernelJson } from "../../cli/report/json.ts";
import { problemOf } from "../../cli/report/problem.ts";
import { LoadError, loadKernel } from "../../mod.ts";
import { defaultPipeline } from "../../core/stages/mod.ts";
import { inspected } from "./inspected.ts";
import { HELLO } from "./kload.ts";

const file = await Deno.readFile(HELLO);
const never = new AbortController().signal;
const ABOUT = { name: "hello.elf", recognized: { layers: [], protocols: [] }, rules: "default" } as const;

Deno.test("a kernel's JSON has addresses as hex strings, sizes and counts as numbers", async () => {
  const kernel = await loadKernel(file);
  const text = await kernelJson(kernel, ABOUT, never);
  assert(text.endsWith("}\n") && !text.slice(0, -1).includes("\n"));
  const json = JSON.parse(text);
  const used = kernel.memory.bytes(kernel.memory.base, kernel.nextFrame - kernel.memory.base);
  const digest = await crypto.subtle.digest("SHA-256", used.slice());
  assertEquals(json.memorySha256, encodeHex(digest));
  assertEquals(json.entryPoint, "0xffffffff80000000");
  assertEquals(json.virtualAddressOffset, "0x0");
  assertEquals(json.tlsTemplate, {
    startAddr: "0xffffffff80002000",
    fileSize: "0x10",
    memSize: "0x38",
    align: "0x40",
  });
  assertEquals(json.usedLevel4Entries, [0, 511]);
  assertEquals(json.level4Frame, `0x${kernel.level4Frame.toString(16)}`);
  assertEquals(json.nextFrame, `0x${kernel.nextFrame.toString(16)}`);
  assertEquals(json.framesAllocated, kernel.framesAllocated);
  assertEquals(json.bytesRead, kernel.bytesRead);
  assertEquals(json.mappings[0], { virt: "0xffffffff80000000", phys: "0x201000", size: 4096, flags: "R-X" });
  assertEquals(json.diagnostics[0].addresses, ["0xffffffff80000000"]);
  assertEquals(json.results, {});
  assertEquals([json.version, json.name, json.rules], [1, "hello.elf", "default"]);
  // readelf -hlW examples/hello/hello.elf
  assertEquals([json.fileHeader.e_type, json.fileHeader.e_phnum, json.fileHeader.e_phoff], [2, 5, "0x40"]);
  const { p_type, type, flags, p_offset, p_filesz } = json.programHeaders[4];
  assertEquals([p_type, type, flags, p_offset, p_filesz], [0x6474e551, "GNU_STACK", "RW-", "0x0", "0x0"]);
  assertEquals(json.frames[0], { owner: "file", phys: "0x200000", size: 0x4000 });
  const owned = json.frames.slice(1).reduce((sum: number, { size }: { size: number }) => sum + size, 0);
  assertEquals(owned, json.framesAllocated * 4096);
});

Deno.test("a kernel without TLS has null in its place", async () => {
  const { tlsTemplate: _, ...kernel } = await loadKernel(file);
  assertEquals(JSON.parse(await kernelJson(kernel as Kernel, ABOUT, never)).tlsTemplate, null);
});

Deno.test("results come out as plain values, whatever a stage found", async () => {
  const pipeline = defaultPipeline.after("l4-usage", {
    name: "finds-all-sorts",
    needs: [],
    adds: ["found"],
    run: () => ({
      found: {
        big: 0xffff_ffff_8000_0000n,
        count: 3,
        bytes: new Uint8Array([0, 1, 254]),
        names: new Map([["a", 1n]]),
        set: new Set(["x"]),
        text: "\x1b[31m\x9b\u202e",
      },
    }),
  });
  const text = await kernelJson(await loadKernel(file, { pipeline }) as unknown as Kernel, ABOUT, never);
  assertEquals(JSON.parse(text).results["finds-all-sorts"].found, {
    big: "0xffffffff80000000",
    count: 3,
    bytes: "0001fe",
    names: { a: "0x1" },
    set: ["x"],
    text: "\x1b[31m\x9b\u202e",
  });
  assert(text.includes("\\u001b[31m\\u009b\\u202e"));
});

Deno.test("a digest that is no longer wanted is not finished", async () => {
  await assertRejects(async () => kernelJson(await loadKernel(file), ABOUT, AbortSignal.abort()), DOMException);
});

Deno.test("headers come out with the specification's names", async () => {
  const json = JSON.parse(inspectJson(await inspected(file), "hello.elf"));
  assertEquals([json.fileHeader.e_type, json.fileHeader.e_entry], [2, "0xffffffff80000000"]);
  const { p_type, type, flags, p_vaddr, p_memsz } = json.programHeaders[2];
  assertEquals([p_type, type, flags, p_vaddr, p_memsz], [1, "LOAD", "RW-", "0xffffffff80002000", "0x3640"]);
  assertEquals([json.format, json.protocols, json.bytesRead, json.objection], ["elf", [], file.length, null]);
  assertEquals([json.version, json.name, json.machine, json.class, json.endian], [
    1,
    "hello.elf",
    "x86-64",
    "ELF64",
    "little",
  ]);
});

Deno.test("an error's JSON keeps numbers and writes bigints in hex", () => {
  const detail = { index: 3, field: "page", value: 0xffff_8000_0000_0000n, otherRange: [0x1000n, 0x2000n] } as const;
  const { error } = JSON.parse(errorJson(problemOf(new LoadError("page-already-mapped", detail)), []));
  assertEquals(error.code, "page-already-mapped");
  assertEquals(error.detail, {
    index: 3,
    field: "page",
    value: "0xffff800000000000",
    otherRange: ["0x1000", "0x2000"],
  });
  assertEquals(error.acceptedBy, []);
});

Deno.test("headers of no known class, byte order or machine come out with the numbers", async () => {
  const odd = file.slice();
  odd.set([0x34, 0x12], 18); // e_machine
  odd.set([3, 3], 4); // EI_CLASS and EI_DATA
  const json = JSON.parse(inspectJson(await inspected(odd), "odd.elf"));
  assertEquals([json.machine, json.class, json.endian], ["0x1234", "0x3", "0x3"]);
});
