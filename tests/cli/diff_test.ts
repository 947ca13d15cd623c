/** `kload diff`: its sides, its exit status, and what it prints. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { DIFF } from "../../cli/arguments/diff_command.ts";
import { runSteps } from "../../cli/commands/run_steps.ts";
import type { Bootable } from "../../cli/report/bootable.ts";
import { PF_R, PF_W } from "../../core/elf/constants.ts";
import { imageBytes } from "../boot/boot.ts";
import { buildElf } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { loadedAsRun, runUntilHalted } from "./foreign/halted_guest.ts";
import { startGuest } from "./foreign/guest.ts";
import { gzip, HELLO, kload, kloadJson, pathOf, type Run, withFile, withFolder } from "./kload.ts";

const PIE = pathOf("examples/hello/hello-pie.elf");
const PAGE = 4096;

async function diff(...args: readonly string[]): Promise<Run> {
  return await kload(["diff", ...args]);
}

Deno.test("two files that are the same give status 0, and one line of verdict comes first", async () => {
  const { status, stdout, stderr } = await diff(HELLO, HELLO);
  assertEquals([status, stderr], [0, ""]);
  assertMatch(stdout, /^same: 24 KiB mapped by both\n\n/);
});

testWithTools(["nm"], "a byte that was patched gives status 1, and is named by section and symbol", async () => {
  const [, start] = /^(\w+) \w kernel_main$/m.exec(await runTool("nm", [HELLO])) ?? [];
  const file = await Deno.readFile(HELLO);
  // The first segment is mapped from file offset 0x1000 on.
  const at = 0x1000 + Number(BigInt(`0x${start}`) & 0xfffn) + 0x20;
  const old = file[at];
  file[at] ^= 0xff;
  await withFile("patched.elf", file, async (path) => {
    const { status, stdout } = await diff(HELLO, path);
    assertEquals(status, 1);
    assertMatch(stdout, /^differ: 1 byte in \.text\n/);
    const address = (BigInt(`0x${start}`) + 0x20n).toString(16);
    const hex = (byte: number) => byte.toString(16).padStart(2, "0");
    assertStringIncludes(stdout, `first at 0x${address}: 0x${hex(old)} in A, 0x${hex(old ^ 0xff)} in B\n`);
    assertMatch(stdout, new RegExp(`By section\\n.*\\n  \\.text +1 +0x${address}\\n`));
    assertMatch(stdout, new RegExp(`By symbol\\n.*\\n  kernel_main +1 +0x${address}\\n`));
    assertMatch(stdout, new RegExp(`0x${address} +1 +1 +${hex(old)} +${hex(old ^ 0xff)} +kernel_main\\+0x20\\n`));
    const quiet = await diff(HELLO, path, "-q");
    assertEquals([quiet.status, quiet.stdout, quiet.stderr], [1, "", ""]);
  });
});

Deno.test("one file is compared with itself as flags load it, and a flag that is given twice is for A, then for B", async () => {
  const lines: readonly (readonly [status: number, a: readonly string[], b: readonly string[], ...args: string[]])[] = [
    [1, [], ["--no-plugin relro"], "--no-plugin", "relro"],
    [1, [], ["--rules bootloader-0.11"], "--rules", "bootloader-0.11"],
    [0, ["--rules default"], ["--rules default"], "--rules", "default", "--rules", "default"],
    [1, ["--kernel-base 0x1000"], ["--kernel-base 0x2000"], "--kernel-base", "0x1000", "--kernel-base", "0x2000"],
    [
      1,
      ["--rules default"],
      ["--rules bootloader-0.11", "--no-plugin relro"],
      ...["--rules", "default", "--rules", "bootloader-0.11", "--no-plugin", "relro"],
    ],
    [0, [], ["--memory-base 0x40000000"], "--memory-base", "1G"],
    [1, [], ["--memory-base 0x40000000"], "--memory-base", "1G", "--physical"],
    [1, [], ["--stack-size 64K"], "--stack-size", "64K"],
  ];
  for (const [expected, a, b, ...args] of lines) {
    const { status, json } = await kloadJson(["diff", PIE, ...args.map((arg) => arg === "1G" ? "0x40000000" : arg)]);
    assertEquals([status, json.a.flags, json.b.flags], [expected, a, b], args.join(" "));
  }
});

Deno.test("a flag that is given once is for both of two files", async () => {
  const { status, json } = await kloadJson(["diff", PIE, PIE, "--kernel-base", "0x5000", "--no-plugin", "relro"]);
  const flags = ["--kernel-base 0x5000", "--no-plugin relro"];
  assertEquals([status, json.a.flags, json.b.flags], [0, flags, flags]);
});

Deno.test("a kernel at two bases differs in its base alone, unless equal addresses are compared", async () => {
  const bases = ["--kernel-base", "0x1000", "--kernel-base", "0x7fff0000"];
  const { status, stdout } = await diff(PIE, ...bases);
  assertEquals(status, 1);
  assertMatch(stdout, /^differ only in the base: B is 0x7ffef000 higher, 5 words moved with it\n/);
  assertMatch((await diff(PIE, ...bases, "--absolute")).stdout, /^differ: \d+ mappings?.*, .*the entry point/);
});

Deno.test("the examples of its help work", async () => {
  await withFolder(async (folder) => {
    for (const name of ["old.elf", "new.elf", "kernel.elf"]) await Deno.copyFile(HELLO, `${folder}/${name}`);
    await Deno.copyFile(PIE, `${folder}/pie.elf`);
    for (const name of ["memory.bin", "before.bin", "after.bin"]) {
      await kload([HELLO, "--level4-frame", "0x1000", "--dump", `${folder}/${name}`]);
    }
    const lines = DIFF.examples.map(([line]) => line).filter((line) => !line.includes("--gdb"));
    assertEquals(lines.length, DIFF.examples.length - 1);
    for (const line of lines) {
      const { status, stderr } = await kload(line.split(" ").slice(1), { cwd: folder });
      assertEquals([status < 2, stderr], [true, ""], line);
    }
  });
});

const WRONG: readonly (readonly [message: string, ...args: string[]])[] = [
  ["Cannot run kload diff: A and B are missing"],
  ["Cannot run kload diff: there is nothing to compare the file with", HELLO],
  ["Cannot use c.elf: kload diff takes A and B", "a.elf", "b.elf", "c.elf"],
  ["Cannot run kload diff: A is empty", "", "b.elf"],
  ["Cannot read both sides from standard input", "-", "-"],
  ["Cannot load standard input twice", "-", "--no-plugin", "relro"],
  [
    "Cannot compare 2 files and 1 dump: kload diff takes two sides",
    "a.elf",
    "b.elf",
    "--memory",
    "d",
    "--cr3",
    "0x1000",
  ],
  ["Cannot use --rules 3 times: there are two sides", HELLO, ...Array(3).fill(["--rules", "default"]).flat()],
  [
    "Cannot use --rules twice: only one kernel is loaded",
    ...[HELLO, "--rules", "default", "--rules", "default", "--memory", "d", "--cr3", "0x1000"],
  ],
  [
    "Cannot use --identity: both sides are page tables, and no kernel is loaded",
    ...["--memory", "a", "--memory", "b", "--cr3", "0x1000", "--identity"],
  ],
  ["Cannot use --limit none", HELLO, HELLO, "--limit", "none"],
  ["Cannot use --cr3: it is for page tables in a dump", HELLO, HELLO, "--cr3", "0x1000"],
];

for (const [message, ...args] of WRONG) {
  Deno.test(`wrong usage, status 2: ${message}`, async () => {
    const { status, stdout, stderr } = await diff(...args);
    assertEquals([status, stdout], [2, ""]);
    assertStringIncludes(stderr, `error[usage]: ${message}`);
  });
}

Deno.test("a side that cannot be read or loaded gives status 3, and is named", async () => {
  const text = pathOf("deno.json");
  const lines: readonly (readonly [said: string, side: "A" | "B", code: string, ...args: string[]])[] = [
    ["Cannot read A: /nowhere.elf: ", "A", "source-failed", "/nowhere.elf", HELLO],
    ["Cannot read B: /nowhere.elf: ", "B", "source-failed", HELLO, "/nowhere.elf"],
    [`${text}: side A, `, "A", "not-elf", text, HELLO],
    [`${text}: side B, `, "B", "not-elf", HELLO, text],
    [`${HELLO}: side B, not loaded`, "B", "kernel-base-refused", HELLO, "--kernel-base", "0x1000"],
    ["Cannot read B: ", "B", "source-failed", HELLO, "--memory", "/nowhere.bin", "--cr3", "0x1000"],
    ["Cannot read B: page tables of QEMU at ", "B", "source-failed", HELLO, "--gdb", "localhost:1"],
  ];
  for (const [said, side, code, ...args] of lines) {
    const { status, stdout, stderr } = await diff(...args);
    assertEquals([status, stdout], [3, ""], args.join(" "));
    assertStringIncludes(stderr.replaceAll("\n  ", " "), said);
    const { status: again, json } = await kloadJson(["diff", ...args]);
    assertEquals([again, json.error.code, json.error.detail.side], [3, code, side]);
  }
});

Deno.test("whatever else goes wrong does not give the status of a difference", async () => {
  for (
    const [code, ...args] of [["plugin-failed", "--plugin", "./nowhere.ts"], ["source-failed", "--ramdisk", "nowhere"]]
  ) {
    const { status, json } = await kloadJson(["diff", HELLO, ...args]);
    assertEquals([status, json.error.code], [3, code]);
  }
});

Deno.test("packed files, pipes and dumps of memory are sides like others", async () => {
  await withFolder(async (folder) => {
    const file = await Deno.readFile(PIE);
    await Deno.writeFile(`${folder}/pie.gz`, await gzip(file));
    assertEquals((await diff(PIE, `${folder}/pie.gz`)).status, 0);
    const { status } = await kload(["diff", PIE, "-"], { stdin: file });
    assertEquals(status, 0);
    const { json } = await kloadJson(["load", PIE, "--dump", `${folder}/memory.bin`]);
    const dump = ["--memory", `${folder}/memory.bin`, "--cr3", json.level4Frame];
    assertEquals((await diff(PIE, ...dump)).status, 0);
    assertEquals((await diff(...dump, ...dump.slice(0, 2))).status, 0);
    await Deno.writeFile(`${folder}/short.bin`, (await Deno.readFile(`${folder}/memory.bin`)).slice(0, -2 * PAGE));
    const short = await diff(PIE, "--memory", `${folder}/short.bin`, "--cr3", json.level4Frame);
    assertEquals(short.status, 0);
    assertMatch(short.stdout, /^same as far as memory is known: /);
    assertMatch(short.stdout, /Not compared: memory not known\n.*\n.* 8 KiB +content +B\n/);
    const patched = await Deno.readFile(`${folder}/memory.bin`);
    const { phys } = json.mappings.at(-1);
    patched[Number(phys) + 5] = 7;
    await Deno.writeFile(`${folder}/other.bin`, patched);
    const found = await kloadJson(["diff", ...dump, "--memory", `${folder}/other.bin`]);
    assertEquals([found.status, found.json.content.differing, found.json.content.first.b], [1, 1, 7]);
    assertEquals([found.json.a.cr3, found.json.b.cr3], [json.level4Frame, json.level4Frame]);
  });
});

testWithTools(
  ["qemu-system-x86_64"],
  "what a guest made of its kernel is compared through memory, a core and gdb",
  async () => {
    const bootable = await loadedAsRun(HELLO);
    await using guest = await startGuest(await imageBytes(bootable.kernel, bootable.entry));
    await runUntilHalted(guest, bootable);
    await guest.qmp.execute("pmemsave", { val: 0, size: guest.memorySize, filename: `${guest.dir}/ram.bin` });
    await guest.qmp.execute("dump-guest-memory", { paging: false, protocol: `file:${guest.dir}/ram.core` });
    const expected = differingBytes(bootable, await Deno.readFile(`${guest.dir}/ram.bin`));
    assert(expected.length > 0, "the kernel writes to its data and its stack");
    const ram = ["--memory", `${guest.dir}/ram.bin`, "--cr3", `0x${bootable.kernel.level4Frame.toString(16)}`];
    for (const side of [ram, ["--memory", `${guest.dir}/ram.core`], ["--gdb", guest.gdb]]) {
      const { status, json } = await kloadJson(["diff", HELLO, "--as-run", ...side]);
      assertEquals(status, 1);
      assertEquals([json.mappings.items, json.level4.items, json.unknown.items], [[], [], []]);
      assert(BigInt(json.mappings.accessed) > 0n, "the processor marks what it uses");
      assertEquals([json.content.differing, BigInt(json.content.first.address)], [
        expected.length,
        firstIn(bootable, expected),
      ]);
      const names = json.content.sections.items.map(({ name }: { readonly name: string }) => name);
      assertEquals(names.includes(".text"), false);
      const accessed = await kloadJson(["diff", HELLO, "--as-run", ...side, "--accessed", "--limit", "0"]);
      assertEquals([accessed.json.mappings.changed, accessed.json.mappings.accessed], [json.mappings.accessed, "0x0"]);
    }
  },
);

/** The addresses of bytes that a guest changed, found byte by byte; it uses the frames that the kernel was given. */
function differingBytes({ kernel }: Bootable, ram: Uint8Array): readonly bigint[] {
  const found: bigint[] = [];
  for (const { virt, phys, size } of kernel.mappings()) {
    const given = kernel.read(virt, size);
    for (let at = 0; at < size; at++) if (given[at] !== ram[phys + at]) found.push(virt + BigInt(at));
  }
  return found;
}

/** The first of addresses in a segment of the kernel, which come first in a comparison. */
function firstIn({ kernel }: Bootable, addresses: readonly bigint[]): bigint {
  const inSegment = addresses.find((address) => {
    return kernel.programHeaders.some(({ p_vaddr, p_memsz }) => address >= p_vaddr && address < p_vaddr + p_memsz);
  });
  return inSegment ?? addresses[0];
}

Deno.test("a list is cut at --limit, which says how many are left out, and narrow pages are folded", async () => {
  const segments = Array.from({ length: 60 }, (_, at) => {
    return {
      p_vaddr: BigInt(0x40_0000 + at * 2 * PAGE),
      p_flags: PF_R | PF_W,
      offset: 0x1000 + at * PAGE,
      filesz: PAGE,
    };
  });
  const [a, b] = [buildElf({ segments: segments.slice(0, 1) }), buildElf({ segments })];
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.elf`, a);
    await Deno.writeFile(`${folder}/b.elf`, b);
    const run = async (...args: string[]) => (await kload(["diff", "a.elf", "b.elf", ...args], { cwd: folder })).stdout;
    assertStringIncludes(await run(), "  ... and 19 more (--limit lists more)\n");
    assertEquals((await run("--limit", "100")).match(/^ {2}added/gm)?.length, 59);
    assertMatch(await run("--limit", "0"), /Mappings: 236 KiB added\n {2}\.\.\. and 59 more \(--limit lists more\)\n/);
    assertMatch(await run(), /^differ: 59 mappings\n/);
  });
});

Deno.test("long work is done in steps, between which an abort is heard", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 1);
  const endless: Iterator<void, never, void> = { next: () => ({ done: false, value: undefined }) };
  assertEquals(await assertRejects(() => runSteps(endless, controller.signal)), reason);
  const three: Iterator<void, number, void> = [1, 2][Symbol.iterator]() as unknown as Iterator<void, number, void>;
  assertEquals(await runSteps(three, new AbortController().signal), undefined);
});
