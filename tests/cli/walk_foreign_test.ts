/** `kload walk` on page tables that kload did not build: of a running QEMU, in its cores and dumps, and with five levels. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { explainAddress } from "../../explain/address/explain_address.ts";
import { loadKernel } from "../../mod.ts";
import { type Bootable, example, imageBytes, loadBootable } from "../boot/boot.ts";
import { hasTool, testWithTools } from "../tools.ts";
import { coreFile, registers } from "./foreign/core_file.ts";
import { type Guest, startGuest, until } from "./foreign/guest.ts";
import { HELLO, kload, kloadJson, withFile } from "./kload.ts";

const QEMU = "qemu-system-x86_64";

let guest: Guest;
let bootable: Bootable;
Deno.test.beforeAll(async () => {
  if (!hasTool(QEMU)) return;
  bootable = await loadBootable(await example("hello.elf"));
  guest = await startGuest(await imageBytes(bootable.kernel, bootable.entry));
  await guest.qmp.execute("cont");
  const cr3 = `CR3=${bootable.kernel.level4Frame.toString(16).padStart(16, "0")}`;
  await until("the kernel runs", async () => (await guest.monitor("info registers")).includes(cr3));
});
Deno.test.afterAll(async () => await guest?.[Symbol.asyncDispose]());

/** What QEMU's own walker says of an address: gva2gpa. */
async function physicalOf(address: string): Promise<string> {
  return /gpa: (0x[0-9a-f]+)/.exec(await guest.monitor(`gva2gpa ${address}`))?.[1] ?? "none";
}

testWithTools(
  [QEMU],
  "in a running guest, symbols are where QEMU's walker finds them, and code is decoded",
  async () => {
    for (const symbol of ["kernel_main+4", "constants", "variables", "zeroes+0x1000"]) {
      const { status, json } = await kloadJson(["walk", HELLO, symbol, "--gdb", guest.gdb]);
      assertEquals([status, json.mapped, json.foreign.kind], [0, true, "guest"]);
      assertEquals(json.physical, await physicalOf(json.address));
      assertEquals(json.symbol.name, symbol.split("+")[0]);
      assert(json.bytes !== null, symbol);
    }
    const { stdout } = await kload(["walk", HELLO, "kernel_main+2", "--gdb", guest.gdb]);
    assertStringIncludes(stdout, "\nInstructions\n  0xffffffff800005f0  41 54 ");
    assertStringIncludes(stdout.replaceAll(/\s+/g, " "), ` names from ${HELLO} `); // the path may be folded
    assertEquals(await guest.status(), "running");
  },
);

testWithTools(
  [QEMU],
  "an address that a running guest does not map has no physical one, and says what is near",
  async () => {
    const { json } = await kloadJson(["walk", "0x123456789000", "--gdb", guest.gdb]);
    assertEquals([json.mapped, await physicalOf(json.address)], [false, "none"]);
    assertEquals(json.why.map(({ kind }: { readonly kind: string }) => kind), ["absent"]);
    assert(json.nearest.after !== null);
  },
);

testWithTools([QEMU], "the memory and a core of the guest give the same answers as the guest", async () => {
  const core = `${guest.dir}/memory.core`;
  const memory = `${guest.dir}/memory.bin`;
  await guest.qmp.execute("dump-guest-memory", { paging: false, protocol: `file:${core}` });
  await guest.qmp.execute("pmemsave", { val: 0, size: guest.memorySize, filename: memory });
  const cr3 = `0x${bootable.kernel.level4Frame.toString(16)}`;
  for (const address of ["0xffffffff800005f0", "0xffffffff80001370", "0x1000"]) {
    const answers = await Promise.all([
      ["--memory", core],
      ["--memory", memory, "--cr3", cr3],
      ["--gdb", guest.gdb],
    ].map(async (flags) => {
      const { json: { name: _name, foreign: _foreign, ...answer } } = await kloadJson(["walk", address, ...flags]);
      return answer;
    }));
    assertEquals(answers[0], answers[1]);
    // The processor sets bits of the entries that it uses, also between two questions.
    const places = answers.map(({ mapped, physical, permissions, bytes }) => ({
      mapped,
      physical,
      permissions,
      bytes,
    }));
    assertEquals(places[2], places[0]);
  }
});

Deno.test("with five levels, an address has five indices, and 57 bits", async () => {
  const memory = new Uint8Array(0x7000);
  const words = new DataView(memory.buffer);
  // Intel SDM vol. 3, "5-Level Paging": bits 56-48 choose an entry of the first table.
  const address = 0x00ab_cdef_1234_5678n;
  for (let level = 5; level >= 1; level--) {
    const [table, next] = [(6 - level) * 0x1000, (7 - level) * 0x1000];
    const index = Number((address >> BigInt(level * 9 + 3)) % 512n);
    words.setBigUint64(table + 8 * index, BigInt(next) | 7n, true);
  }
  memory.fill(0x41, 0x6000);
  const check = async (path: string, ...flags: readonly string[]) => {
    const { json } = await kloadJson(["walk", `0x${address.toString(16)}`, "--memory", path, ...flags]);
    assertEquals([json.canonical, json.physical, json.levels.length, json.user], [true, "0x6678", 5, true]);
    assertEquals(json.levels.map(({ index }: { readonly index: number }) => index), [0xab, 0x19b, 0x1bc, 0x091, 0x145]);
    assertEquals(json.bytes, "41".repeat(16)); // the page is executable, and no section says that it is data
  };
  await withFile("memory.bin", memory, async (path) => {
    const flags = ["--cr3", "0x1000", "--levels", "5"];
    await check(path, ...flags);
    const { stdout } = await kload(["walk", `0x${address.toString(16)}`, "--memory", path, ...flags]);
    assertStringIncludes(stdout, " is mapped, RWXU\n");
    assertStringIncludes(stdout, "copies of bit 56");
  });
  await withFile(
    "memory.core",
    coreFile({ loads: [{ phys: 0n, bytes: memory }], processors: [registers(0x1000n, true)] }),
    (path) => check(path),
  );
  await withFile("memory.bin", memory, async (path) => {
    const { json } = await kloadJson(["walk", `0x${address.toString(16)}`, "--memory", path, "--cr3", "0x1000"]);
    assertEquals([json.canonical, json.levels, json.why[0].kind], [false, [], "not-canonical"]);
  });
});

Deno.test("tables that contain themselves are walked to their end, and a frame's addresses are found through them", async () => {
  const memory = new Uint8Array(0x3000);
  const words = new DataView(memory.buffer);
  words.setBigUint64(0x1000 + 8 * 256, 0x1003n, true);
  await withFile("memory.bin", memory, async (path) => {
    const flags = ["--memory", path, "--cr3", "0x1000"];
    const { json } = await kloadJson(["walk", "0xffff804020100800", ...flags]);
    assertEquals([json.mapped, json.physical, json.levels.length], [true, "0x1800", 4]);
    const { stdout } = await kload(["walk", "0xffff804020100800", ...flags]);
    assertStringIncludes(stdout, "\nEntries of the level-4 table\n");
    assertStringIncludes(stdout, "\n  256    0x0000000000001003  level-3 table at 0x1000  PRESENT WRITABLE\n");
    assertEquals(stdout.includes("\nInstructions\n"), false); // the page may be executed, but it is a table
    const found = await kloadJson(["walk", "0x1800", "--physical", ...flags]);
    assertEquals([found.json.count, found.json.addresses[0].address], [1, "0xffff804020100800"]);
    assertEquals([found.json.addresses[0].recursive, found.json.table.level], [true, 4]);
  });
});

Deno.test("code that is not the file's is said to be that, and a page without known bytes says why", async () => {
  const kernel = await loadKernel(await Deno.readFile(HELLO), { memory: { base: 0x10_0000 } });
  const memory = new Uint8Array(kernel.memory.buffer as ArrayBuffer);
  const code = kernel.memory.bytes(explainAddress(kernel, 0xffff_ffff_8000_05f0n).physical!, 16);
  const flags = ["--base", "0x100000", "--cr3", `0x${kernel.level4Frame.toString(16)}`];
  const walked = async (...args: readonly string[]): Promise<string> => {
    let text = "";
    await withFile("memory.bin", memory, async (path) => {
      text = (await kload(["walk", ...args, "--memory", path, ...flags])).stdout.replaceAll(/\s+/g, " ");
    });
    return text;
  };
  const NOTE = "the bytes here are not those of the file";
  assertEquals((await walked(HELLO, "kernel_main")).includes(NOTE), false);
  code[3] ^= 0xff;
  assertEquals((await walked(HELLO, "kernel_main")).includes(NOTE), true);
  assertEquals((await walked(HELLO, "constants")).includes(NOTE), false);
  const table = kernel.memory.bytes(kernel.level4Frame, 4096);
  const low = kernel.memory.bytes(explainAddress(kernel, 0xffff_ffff_8000_3000n).physical!, 4096);
  const below = new DataView(table.buffer, table.byteOffset);
  below.setBigUint64(8, BigInt(explainAddress(kernel, 0xffff_ffff_8000_3000n).physical!) | 3n, true);
  new DataView(low.buffer, low.byteOffset).setBigUint64(0, 0x83n, true); // 1 GiB at its own addresses, less 512 GiB
  const vga = await walked("0x80000b8000");
  assertStringIncludes(vga, " device the VGA text buffer, on a PC ");
  assertStringIncludes(await walked("0xb8000", "--physical"), " device the VGA text buffer, on a PC ");
  assertStringIncludes(vga, " Bytes Not known: physical 0xb8000 is not in the dump.");
});

Deno.test("a table in memory that the dump does not have ends a walk, which is said", async () => {
  const memory = new Uint8Array(0x2000);
  new DataView(memory.buffer).setBigUint64(0x1000, 0x900_0003n, true);
  await withFile("memory.bin", memory, async (path) => {
    const { status, stdout } = await kload(["walk", "0x1000", "--memory", path, "--cr3", "0x1000"]);
    assertEquals(status, 0);
    assertStringIncludes(stdout, "The walk ends: the memory of the level-3 table at 0x9000000 is not known.");
    const physical = await kload(["walk", "0x5000", "--physical", "--memory", path, "--cr3", "0x1000"]);
    assertStringIncludes(physical.stdout, "physical 0x5000 is mapped at no address that is known\n");
    assertStringIncludes(physical.stdout, "1 page table is in unknown memory");
  });
});
