import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload, pathOf, type Run, withFile } from "./kload.ts";

const QEMU = "qemu-system-x86_64";
const TEXT = 0xffffffff_80000000n;

/** A kernel of a few instructions. */
function guest(code: readonly number[], ...more: readonly SegmentSpec[]): Uint8Array<ArrayBuffer> {
  const text: SegmentSpec = { p_vaddr: TEXT, data: new Uint8Array(code) };
  return buildElf({ header: { e_entry: TEXT }, segments: [text, ...more] });
}

function run(kernel: Uint8Array, ...args: string[]): Promise<Run> {
  return kloadFile(kernel, ["run", ...args]);
}

async function kloadFile(kernel: Uint8Array, [command, ...args]: readonly string[]): Promise<Run> {
  let result: Run | undefined;
  await withFile("kernel.elf", kernel, async (path) => {
    result = await kload([command, path, ...args]);
  });
  return result!;
}

const bytes = (value: bigint): readonly number[] => [...new Uint8Array(new BigUint64Array([value]).buffer)];
const DATA = TEXT + 0x1000n;
const NOWHERE = 0xffffffff_90000000n;
const NOT_CANONICAL = 0x1234_5678_90ab_cdefn;

const data: SegmentSpec = { p_vaddr: DATA, offset: 0x2000, filesz: 0x10, p_flags: 6 };
const constants: SegmentSpec = { p_vaddr: DATA, offset: 0x2000, filesz: 0x10, p_flags: 4 };

/** `mov $address, %rax`, and one more instruction that uses it. */
const withRax = (address: bigint, ...code: number[]): readonly number[] => [0x48, 0xb8, ...bytes(address), ...code];
const JUMP = [0xff, 0xe0]; // jmp *%rax
const READ = [0x8a, 0x00]; // mov (%rax), %al
const WRITE = [0xc6, 0x00, 0x01]; // movb $1, (%rax)

const FAULTS: readonly (readonly [string, Uint8Array, readonly RegExp[]])[] = [
  ["runs into ud2", guest([0x0f, 0x0b]), [
    /The guest triple-faulted after an invalid opcode \(#UD\)\./,
    /instruction +ud2\n +at +0xffffffff80000000, in program header 0 \(LOAD R-X/,
    /cause +ud2 \(0f 0b\) always raises #UD/,
    /no handler +no IDT was loaded: its base is 0, which is not mapped/,
    /RIP +ffffffff80000000/,
  ]],
  ["writes to its own text", guest([0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 0x01]), [
    /triple-faulted after a page fault \(#PF\)/,
    /access +write to 0xffffffff80000000, in program header 0/,
    /page +the page is mapped, but not writable\n +cause +program header 0 does not set PF_W/,
    /CR2 +ffffffff80000000/,
  ]],
  ["writes to constants", guest(withRax(DATA + 8n, ...WRITE), constants), [
    /write to 0xffffffff80001008, in program header 1 \(LOAD R--/,
    /program header 1 does not set PF_W/,
  ]],
  ["executes data", guest(withRax(DATA, ...JUMP), data), [
    /instruction +sti\n +at +0xffffffff80001000, in program header 1 \(LOAD RW-/,
    /access +instruction fetch/,
    /page +the page is mapped, but not executable\n/,
    /cause +rax is 0xffffffff80001000, where the processor went\n +cause +program header 1 does not set PF_X/,
  ]],
  ["reads after a segment", guest(withRax(DATA + 0x1008n, ...READ), data), [
    /read from 0xffffffff80002008, in no segment, 0xff8 bytes\s+after the end of\s+program\s+header 1/,
    /page +the page is not mapped: the walk ends at level 1/,
  ]],
  ["jumps to nowhere", guest(withRax(NOWHERE, ...JUMP)), [
    /instruction +at 0xffffffff90000000, in no segment/,
    /access +instruction fetch/,
    /page +the page is not mapped: the walk ends at level 2/,
  ]],
  ["jumps to what is no address", guest(withRax(NOT_CANONICAL, ...JUMP)), [
    /triple-faulted after a general protection exception \(#GP\)/,
    /cause +a jump to the non-canonical address 0x1234567890abcdef/,
  ]],
  ["reads from what is no address", guest(withRax(NOT_CANONICAL, ...READ)), [
    /instruction +mov al, \[rax\], rax = 0x1234567890abcdef\n/,
    /cause +\[rax\] is at 0x1234567890abcdef, which is\s+not a canonical address/,
  ]],
  ["calls itself for ever", guest([0xe8, 0xfb, 0xff, 0xff, 0xff]), [
    /write to 0x[0-9a-f]+, in the guard page below the kernel's stack\s/,
    /cause +RSP is 0x[0-9a-f]+: the stack of 80 KiB overflowed/,
    /Possible return addresses on the stack\n {2}program header 0\+0x4 +0xffffffff80000005 /,
  ]],
  ["divides by zero", guest([0x31, 0xc9, 0xf7, 0xf1]), [
    /triple-faulted after a divide error \(#DE\)/,
    /instruction +div ecx, ecx = 0x0, edx = 0x0, eax = 0x80000000\n +at +0xffffffff80000002,/,
    /cause +the divisor ecx is 0\n/,
  ]],
  ["raises an interrupt", guest([0xcd, 0x80]), [
    /triple-faulted after a general protection exception/,
    /cause +entry 128 of the IDT cannot be used/,
  ]],
  ["returns from its entry point", guest([0xc3]), [
    /access +instruction fetch\n/,
    /cause +RSP is 0x[0-9a-f]+, the top of\s+the kernel's stack: the entry\s+function returned/,
  ]],
  ["has a page at address 0", guest([0x0f, 0x0b], { p_vaddr: 0n, offset: 0x2000, filesz: 0x10, p_flags: 6 }), [
    /no handler +no IDT was loaded: IDTR still has base 0 and limit 0x3ff/,
  ]],
  // sub $200000, %rsp; movb $1, (%rsp)
  ["has a large array", guest([0x48, 0x81, 0xec, 0x40, 0x0d, 0x03, 0x00, 0xc6, 0x04, 0x24, 0x01]), [
    /bytes below the kernel's stack\s+\(0x[\s\S]*: the stack of 80 KiB overflowed/,
  ]],
  ["resets the machine", guest([0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfe]), [/The guest reset the machine/]],
];

for (const [what, kernel, patterns] of FAULTS) {
  testWithTools([QEMU], `a guest that ${what} gives 3 and the reason`, async () => {
    const { status, stdout, stderr } = await run(kernel);
    assertEquals([status, stdout], [3, ""], stderr);
    for (const pattern of patterns) assertMatch(stderr, pattern);
  });
}

/** `mov $value, %al; out %al, $port; jmp .` */
const out = (port: number, value: number): readonly number[] => [0xb0, value, 0xe6, port, 0xeb, 0xfe];

const VERDICTS: readonly (readonly [string, Uint8Array, number, RegExp])[] = [
  ["0x10 to port 0xf4", guest(out(0xf4, 0x10)), 0, /^$/],
  ["0x20 to port 0xf4", guest(out(0xf4, 0x20)), 65, /QEMU exited with status 65: the guest wrote 0x20 to port 0xf4/],
  // ACPI: SLP_EN and SLP_TYP 0 to PM1a_CNT, which is at 0x604 on q35
  [
    "its own end to port 0x604",
    guest([0x66, 0xba, 4, 6, 0x66, 0xb8, 0, 0x20, 0x66, 0xef, 0xeb, 0xfe]),
    1,
    /powered off/,
  ],
];

for (const [what, kernel, expected, pattern] of VERDICTS) {
  testWithTools([QEMU], `a guest that writes ${what} gives ${expected}`, async () => {
    const { status, stderr } = await run(kernel);
    assertEquals(status, expected);
    assertMatch(stderr, pattern);
  });
}

// mov $0x3f8, %dx; mov $'h', %al; out %al, (%dx)
const SAY_H = [0x66, 0xba, 0xf8, 0x03, 0xb0, 0x68, 0xee];

const HANGS: readonly (readonly [string, readonly number[], RegExp])[] = [
  ["loops", [0xeb, 0xfe], /state +running\n[\s\S]* at +0xffffffff80000007, in program header 0/],
  // mov $0xff, %al; out %al, $0x21; out %al, $0xa1; sti; hlt; jmp .-1
  [
    "waits for interrupts that never come",
    [0xb0, 0xff, 0xe6, 0x21, 0xe6, 0xa1, 0xfb, 0xf4, 0xeb, 0xfd],
    /state +halted, waiting for an interrupt/,
  ],
];

for (const [what, code, pattern] of HANGS) {
  testWithTools([QEMU], `a guest that ${what} gives 124 at the timeout, with the registers`, async () => {
    const { status, stdout, stderr } = await run(guest([...SAY_H, ...code]), "--timeout", "2.5");
    assertEquals([status, stdout], [124, "h"], stderr);
    assertStringIncludes(stderr, "did not finish within 2.5 s");
    assertMatch(stderr, pattern);
    assertMatch(stderr, /RIP +ffffffff8000000[0-9a-f].*CR3/);
  });
}

const HALT = [0xfa, 0xf4, 0xeb, 0xfd]; // cli; hlt; jmp .-1

for (const args of [[], ["--", "-smp", "4"]]) {
  testWithTools([QEMU], `a guest that halts with interrupts off is ended then ${args.slice(1).join(" ")}`, async () => {
    const { status, stdout, stderr } = await run(guest([...SAY_H, ...HALT]), ...args);
    assertEquals([status, stdout], [1, "h"], stderr);
    assertMatch(stderr, /^\nrun\[halted\]: The guest halted for good, with interrupts disabled/);
    assertMatch(stderr, /instruction +hlt\n/);
  });
}

for (const more of [["--gdb"], ["--", "-monitor", "stdio"], ["--", "-device", "i6300esb"], ["--", "-vnc", "none"]]) {
  testWithTools(
    [QEMU],
    `a guest that halts is ${more.includes("none") ? "" : "not "}ended with ${more.join(" ")}`,
    async () => {
      const { status } = await run(guest(HALT), "--timeout", "2", ...more);
      assertEquals(status, more.includes("none") ? 1 : 124);
    },
  );
}

testWithTools([QEMU], "hello runs: what it prints is standard output, and there is no report", async () => {
  const { status, stdout, stderr } = await kload(["run", HELLO]);
  assertEquals([status, stderr], [0, ""]);
  assertMatch(stdout, /^Hello from the higher half!\r?\n/);
  assertMatch(stdout, /all checks passed\r?\n$/);
});

testWithTools(
  [QEMU],
  "hello-pie runs where --kernel-base puts it, with memory and arguments of one's own",
  async () => {
    const base = ["--kernel-base", "0xffffffff80000000"];
    const machine = ["--memory", "256M", "--", "-smp", "2", "-name", "--timeout"];
    const { status, stdout, stderr } = await kload([
      "run",
      pathOf("examples/hello/hello-pie.elf"),
      ...base,
      ...machine,
    ]);
    assertEquals([status, stderr], [0, ""]);
    assertStringIncludes(stdout, "all checks passed");
  },
);

// mov $0x505, %dx; mov $1, %al; out %al, (%dx): PVPANIC_PANICKED (QEMU's documentation, "PVPANIC DEVICE")
const PANIC = [0x66, 0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xeb, 0xfe];

for (const action of [[], ["-action", "panic=pause"]]) {
  testWithTools([QEMU], `a guest that panics gives 3 ${action.join(" ")}`, async () => {
    const { status, stderr } = await run(guest(PANIC), "--", "-device", "pvpanic", ...action);
    assertEquals(status, 3, stderr);
    assertMatch(stderr, /^run\[guest-panic(ked)?\]: /);
  });
}

testWithTools([QEMU], "QEMU's own complaints are passed on with its status", async () => {
  const { status, stderr } = await kload(["run", HELLO, "--", "-nonsense"]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "QEMU exited with status 1.");
  assertStringIncludes(stderr, "-nonsense: invalid option");
});

testWithTools([QEMU], "--quiet leaves the report out, not the serial port", async () => {
  const { status, stdout, stderr } = await run(guest([...SAY_H, 0x0f, 0x0b]), "--quiet");
  assertEquals([status, stdout, stderr], [3, "h", ""]);
});

const executableStack: SegmentSpec = { p_type: 0x6474_e551, p_flags: 7, offset: 0, p_vaddr: 0n };

testWithTools(
  [QEMU],
  "the warnings of the load are printed before the guest starts, but not with --quiet",
  async () => {
    const kernel = guest(out(0xf4, 0x10), executableStack);
    const { status, stdout, stderr } = await run(kernel);
    assertEquals([status, stdout], [0, ""]);
    assertMatch(stderr, /kernel\.elf: loads, 1 warning\n\nDiagnostics\n {2}warning\[stack-executable\]: /);
    assertEquals(await run(kernel, "--quiet"), { status: 0, stdout: "", stderr: "" });
  },
);

testWithTools([QEMU], "the remarks of the load are printed with --verbose", async () => {
  const { status, stderr } = await kload(["run", HELLO, "--verbose"]);
  assertEquals(status, 0);
  assertMatch(stderr, /hello\.elf:\s+loads\n\nDiagnostics\n {2}info\[physical-address-ignored\]: /);
});

Deno.test("run --strict does not start a guest of whose load there is a warning, and says so", async () => {
  const kernel = guest([...SAY_H, ...out(0xf4, 0x10)], executableStack);
  const { status, stdout, stderr } = await run(kernel, "--strict");
  assertEquals([status, stdout], [1, ""]);
  assertMatch(stderr, /kernel\.elf: loads, 1 warning, not started as --strict asks\n\nDiagnostics\n {2}warning\[/);
  assertEquals(await run(kernel, "--strict", "--quiet"), { status: 1, stdout: "", stderr: "" });
});

const WRONG: readonly (readonly [readonly string[], string])[] = [
  [["--timeout", "0"], "Cannot use --timeout 0: it must be a number of seconds"],
  [["--timeout", "1m"], "Cannot use --timeout 1m"],
  [["--memory", "18M"], "Cannot use --memory 18M: it must be a multiple of 1 MiB and more than the 18 MiB"],
  [["--memory", "19.5M"], "Cannot use --memory 19.5M"],
  [["--memory", "19M"], "a larger --memory"],
  [["--memory", "100G"], "Cannot use --memory 100G: it must be at most --max-memory (4 GiB) and the 18 MiB"],
  [["--memory", "83M", "--max-memory", "64M"], "Cannot use --memory 83M: it must be at most --max-memory (64 MiB)"],
  [["--stack-size", "8G"], "Cannot use --stack-size 8G: it must be at most --max-memory (4 GiB)"],
  [["--stack-size", "2M", "--max-memory", "1M"], "it must be at most --max-memory (1 MiB)"],
  [
    ["--framebuffer", "1024x768", "--max-memory", "2M"],
    "it must take at most --max-memory (2 MiB) at 4 bytes per pixel",
  ],
  [
    ["--physical-memory=0xffffffff80000000"],
    "it must lie at least 4 GiB below the end of its half of the address space",
  ],
  [["--ramdisk", "/dev/null"], "Cannot use --ramdisk /dev/null: the file is empty"],
  [["--ramdisk", HELLO, "--max-memory", "4K"], "the file is 14,296 bytes, and the limit is 4 KiB"],
  [["--ramdisk", "/dev/zero", "--max-memory", "10M"], "the file is larger than the limit, which is 10 MiB"],
];

for (const [args, message] of WRONG) {
  Deno.test(`run ${args.join(" ")} is wrong usage`, async () => {
    const { status, stdout, stderr } = await kload(["run", HELLO, ...args]);
    assertEquals([status, stdout], [2, ""]);
    assertStringIncludes(stderr, message);
  });
}

Deno.test("run --memory beyond what a machine has in one piece is about the machine, not about the folder", async () => {
  const { status, stdout, stderr } = await kload(["run", HELLO, "--memory", "3G"]);
  assertEquals([status, stdout], [1, ""]);
  assertMatch(stderr, /hello\.elf: loaded, but not ready to boot\nerror\[not-bootable\]: Cannot boot the kernel/);
  assertStringIncludes(stderr.replaceAll(/\s+/g, " "), "contiguous memory only up to 2.75 GiB");
  assert(!stderr.includes("TMPDIR"));
});

Deno.test("run refuses what the loader refuses, and names the rules that would accept it", async () => {
  const { status, stderr } = await kload(["run", pathOf("tests/fixtures/original/corpus/hdr-class-3.elf")]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "error[class-unsupported]");
});

/** Starts `kload run` with a folder for what it writes. */
function startRun(folder: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--config", pathOf("deno.json"), "-A", pathOf("cli.ts"), "run", ...args],
    env: { NO_COLOR: "1", TMPDIR: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The processes that have a folder's name among their arguments, from Linux's /proc. */
async function processesOf(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line.includes(folder)) found.push(line.replaceAll("\0", " "));
  }
  return found;
}

async function eventually(what: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (await what()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

const ENDS: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 130],
  ["SIGHUP", 129],
  ["SIGTERM", 143],
  ["SIGQUIT", 131],
  ["SIGKILL", 137],
];

for (const [signal, expected] of Deno.build.os === "linux" ? ENDS : []) {
  testWithTools([QEMU], `${signal} ends a run with ${expected}, and leaves no QEMU and no file behind`, async () => {
    await withFile("kernel.elf", guest([...SAY_H, 0xeb, 0xfe]), async (path, folder) => {
      await Deno.mkdir(`${folder}/tmp`);
      const child = startRun(`${folder}/tmp`, [path]);
      const said = await child.stdout.getReader().read();
      assertEquals(said.value, new Uint8Array([0x68]));
      assert((await processesOf(`${folder}/tmp`)).some((line) => line.startsWith(QEMU)));
      child.kill(signal);
      assertEquals((await child.status).code, expected);
      await child.stderr.cancel();
      assert(await eventually(async () => (await processesOf(`${folder}/tmp`)).length === 0));
      assert(await eventually(() => Promise.resolve([...Deno.readDirSync(`${folder}/tmp`)].length === 0)));
    });
  });
}

testWithTools([QEMU, "gdb"], "--gdb waits for the debugger that it prints, at the entry point", async () => {
  await withFile("tmp", new Uint8Array(), async (_, folder) => {
    const child = startRun(folder, [HELLO, "--gdb"]);
    const stderr = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let told = "";
    while (!/gdb .*\n/.test(told)) told += (await stderr.read()).value ?? "\ngdb nothing\n";
    const [line] = /gdb .*/.exec(told)!;
    // The guest may end before gdb hears that it was let go, which gdb takes for a failure.
    const text = await runTool("sh", [
      "-c",
      `${line.replace("gdb", "gdb -nx -batch")} -ex 'info registers rip' -ex detach || true`,
    ]);
    assertMatch(text, /rip +0xffffffff80000000 +0xffffffff80000000 <_start>/);
    assertStringIncludes(await new Response(child.stdout).text(), "all checks passed");
    assertEquals((await child.status).code, 0);
    await stderr.cancel();
  });
});
