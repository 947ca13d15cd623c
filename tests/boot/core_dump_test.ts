import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { coreDump, type CoreDumpOptions } from "../../boot/core_dump.ts";
import { type Mapping, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { type LoadedKernel, loadKernel, physicalMemory } from "../../mod.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { example, loadBootable } from "./boot.ts";

const hello = await example("hello.elf");

/** Writes a core file, holes and all, and runs a test with its path. */
async function withCore(
  kernel: LoadedKernel,
  options: CoreDumpOptions,
  test: (path: string, size: number) => Promise<void>,
): Promise<void> {
  const { size, pieces } = coreDump(kernel, options);
  const path = await Deno.makeTempFile({ suffix: ".core" });
  try {
    using file = await Deno.open(path, { write: true });
    for (const { offset, bytes } of pieces) {
      await file.seek(offset, Deno.SeekMode.Start);
      for (let left = bytes; left.length > 0;) left = left.subarray(await file.write(left));
    }
    await file.truncate(size);
    await test(path, size);
  } finally {
    await Deno.remove(path);
  }
}

function gdb(core: string, ...commands: string[]): Promise<string> {
  const args = commands.flatMap((command) => ["-ex", command]);
  return runTool("gdb", ["-batch", "-nx", ...args, "-c", core]);
}

function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, "0")}`).join("\t");
}

testWithTools(["gdb"], "gdb opens a core file: the registers and the first bytes of the kernel", async () => {
  const { kernel, ...atEntry } = await loadBootable(hello);
  await withCore(kernel, atEntry, async (path) => {
    const text = await gdb(path, "info registers rip rsp rdi cs", "x/8xb $rip", "x/gx $rsp", "x/3xh $rdi");
    assertMatch(text, /rip +0xffffffff80000000 /);
    const { stack: { top }, info: { address } } = atEntry;
    assert(text.includes(`rsp            0x${(top - 8n).toString(16)}`), text);
    assert(text.includes(`rdi            0x${address.toString(16)}`), text);
    // readelf: the first LOAD lies at file offset 0x1000
    assertStringIncludes(text, `0xffffffff80000000:\t${hexBytes(hello.subarray(0x1000, 0x1008))}`);
    assertStringIncludes(text, `0x${(top - 8n).toString(16)}:\t0x0000000000000000`);
    assertStringIncludes(text, `0x${address.toString(16)}:\t0x0000\t0x000b\t0x0010`); // 0.11.16
  });
});

testWithTools(["gdb"], "gdb reads .data and .bss from a core file, and nothing from where nothing is", async () => {
  const { kernel, ...atEntry } = await loadBootable(hello);
  await withCore(kernel, atEntry, async (path) => {
    // readelf: the third LOAD lies at file offset 0x3000, and the last page of its .bss is 0xffffffff80005000
    const text = await gdb(path, "x/8xb 0xffffffff80002000", "x/gx 0xffffffff80005000");
    assertStringIncludes(text, `0xffffffff80002000:\t${hexBytes(hello.subarray(0x3000, 0x3008))}`);
    assertStringIncludes(text, "0xffffffff80005000:\t0x0000000000000000");
    const beyond = await gdb(
      path,
      "python try: gdb.execute('x/xb 0xffffffff80006000')\nexcept gdb.error as e: print(e)",
    );
    assertStringIncludes(beyond, "Cannot access memory at address 0xffffffff80006000");
  });
});

testWithTools(["readelf"], "readelf lists the mappings of a core file, with their permissions", async () => {
  const { kernel, ...atEntry } = await loadBootable(hello);
  await withCore(kernel, atEntry, async (path, size) => {
    const text = await runTool("readelf", ["--wide", "-h", "-l", "-n", path]);
    assertMatch(text, /Type: +CORE \(Core file\)/);
    assertMatch(text, /Machine: +Advanced Micro Devices X86-64/);
    assertMatch(text, /CORE +0x00000150\s+NT_PRSTATUS/);
    assert(!text.includes("Warning") && !text.includes("Error"), text);
    const loads = [...text.matchAll(/LOAD +(\S+) (\S+) (\S+) (\S+) (\S+) ([RWE ]{3})/g)];
    const letters = ({ writable, executable }: Mapping) => `R${writable ? "W" : " "}${executable ? "E" : " "}`;
    assertEquals(
      loads.map(([, , virt, phys, , memsz, flags]) => [BigInt(virt), Number(phys), Number(memsz), flags]),
      [...kernel.mappings()].map((mapping) => [mapping.virt, mapping.phys, mapping.size, letters(mapping)]),
    );
    for (const [, offset, , , filesz] of loads) assert(Number(offset) + Number(filesz) <= size);
  });
});

Deno.test("memory that is mapped twice is in a core file once, and a device's is not in it", async () => {
  const kernel = await loadKernel(hello);
  const { base, size } = kernel.memory;
  kernel.pageTable.mapTo(0x1000_0000n, base, PRESENT | WRITABLE, { size });
  kernel.pageTable.mapTo(0x2000_0000n, base + size - 0x1000, PRESENT, { size: 0x3000 });
  const after = coreDump(kernel);
  const inFile = after.pieces.slice(1).reduce((sum, { bytes: { length } }) => sum + length, 0);
  assert(inFile <= kernel.frameRuns().reduce((sum, run) => sum + run.size, 0));
  assertEquals(after.size - after.pieces[0].bytes.length, size);
  const view = new DataView(after.pieces[0].bytes.buffer);
  const loads = Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const word = (at: number): bigint => view.getBigUint64(64 + index * 56 + at, true);
    return { virt: word(16), filesz: word(32), memsz: word(40) };
  });
  const found = (virt: bigint) => loads.find((load) => load.virt === virt);
  assertEquals(found(0x2000_0000n), { virt: 0x2000_0000n, filesz: 0x1000n, memsz: 0x1000n });
  assertEquals(found(0x2000_1000n), { virt: 0x2000_1000n, filesz: 0n, memsz: 0x2000n });
});

Deno.test("a gigabyte of .bss is a hole in a core file", async () => {
  const segments = [{ p_vaddr: 0xffffffff_80000000n, filesz: 0x100, p_memsz: 2n ** 30n, p_flags: 6 }];
  const { size, pieces } = coreDump(await loadKernel(buildElf({ segments })));
  assert(size > 2 ** 30);
  assert(pieces.reduce((sum, { bytes: { length } }) => sum + length, 0) < 4 * 2 ** 20);
});

// gABI, "ELF Header": from 0xffff program headers on, their number stands in the first section header.
for (const count of [0xfffe, 0x1_0001]) {
  testWithTools(["readelf", "gdb"], `readelf and gdb open a core file with ${count} program headers`, async () => {
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(0x80_0000) });
    const kernel = await loadKernel(hello, { memory });
    const { memory: { base }, level4Frame } = kernel;
    const own = [...kernel.mappings()].length;
    // Neighbours in the address space, but not in memory: one mapping each.
    const virt = (index: number): bigint => 0x1000_0000n + BigInt(index) * 0x1000n;
    for (let index = 0; index < count - 1 - own; index++) {
      kernel.pageTable.mapTo(virt(index), index % 2 === 0 ? base : level4Frame, PRESENT);
    }
    await withCore(kernel, {}, async (path) => {
      const text = await runTool("readelf", ["--wide", "-h", "-l", path]);
      assertMatch(text, new RegExp(`Number of program headers: +${count < 0xffff ? count : `65535 \\(${count}\\)`}`));
      assertEquals([...text.matchAll(/^ +LOAD /gm)].length, count - 1);
      const last = `0x${virt(count - 2 - own).toString(16)}`;
      assertStringIncludes(
        await gdb(path, `x/8xb ${last}`, "x/8xb $rip"),
        `0xffffffff80000000:\t${hexBytes(hello.subarray(0x1000, 0x1008))}`,
      );
    });
  });
}

Deno.test("a core dump refuses options that it does not know", async () => {
  const kernel = await loadKernel(hello);
  assertThrows(() => coreDump(kernel, { core: true } as never), TypeError, 'the option "core"');
  assertThrows(() => coreDump(kernel, { stack: 1 as never }), TypeError, "pass what addKernelStack() returns");
});
