/** What a load hands back. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { LoadError, loadKernel } from "../../mod.ts";
import { readHeaders } from "../../core/read_headers.ts";

const HELLO = await Deno.readFile(new URL("../../examples/hello/hello.elf", import.meta.url));

Deno.test("a loaded kernel is frozen, and its parts are those of its address space", async () => {
  const kernel = await loadKernel(HELLO);
  const { addressSpace } = kernel;
  assert([kernel, kernel.diagnostics, kernel.results].every(Object.isFrozen));
  assertStrictEquals(kernel.memory, addressSpace.memory);
  assertStrictEquals(kernel.pageTable, addressSpace.pageTable);
  assertStrictEquals(kernel.usedLevel4Entries, addressSpace.usedLevel4Entries);
  assertStrictEquals(kernel.level4Frame, addressSpace.pageTable.level4Frame);
  assertEquals(kernel.frameRuns(), addressSpace.frameRuns());
  assertEquals([...kernel.mappings()], [...kernel.pageTable.mappings()]);
  assertEquals(kernel.read(kernel.entryPoint, 64), addressSpace.read(kernel.entryPoint, 64));
});

Deno.test("a loaded kernel has the headers that readHeaders() reads", async () => {
  const { fileHeader, programHeaders } = await loadKernel(HELLO);
  const headers = await readHeaders(HELLO);
  assertEquals([fileHeader, programHeaders], [headers.fileHeader, headers.programHeaders]);
});

Deno.test("framesAllocated and nextFrame follow what is added after the load", async () => {
  const kernel = await loadKernel(HELLO);
  const { framesAllocated, nextFrame } = kernel;
  kernel.addressSpace.allocateFrames(2, "mine");
  assertEquals([kernel.framesAllocated, kernel.nextFrame], [framesAllocated + 2, nextFrame + 0x2000]);
});

Deno.test("read() refuses a range like a load does, with the address in hex", async () => {
  const { read } = await loadKernel(HELLO);
  const refused = [
    [0x1234n, 1, "Cannot use address 0x1234: it is not mapped"],
    [1n << 47n, 1, "Cannot use address 0x800000000000: it is not canonical"],
    [(1n << 64n) - 1n, 2, "Cannot use the last byte's address 0x10000000000000000: it is outside the 64-bit"],
  ] as const;
  for (const [virt, length, message] of refused) assertThrows(() => read(virt, length), LoadError, message);
});
