/** What a guest's QEMU is allowed, and where its files are. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildElf, type SegmentSpec } from "../elf_builder.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload, start, withFile, withFolder } from "./kload.ts";

const QEMU = "qemu-system-x86_64";
const TEXT = 0xffffffff_80000000n;

// mov $0x3f8, %dx; mov $'h', %al; out %al, (%dx); jmp .
const SAY_H_AND_LOOP = [0x66, 0xba, 0xf8, 0x03, 0xb0, 0x68, 0xee, 0xeb, 0xfe];
const LOOPS = buildElf({
  header: { e_entry: TEXT },
  segments: [{ p_vaddr: TEXT, data: new Uint8Array(SAY_H_AND_LOOP) }],
});

/** Runs a guest with arguments for QEMU, and asks something while it is running. */
async function whileRunning(
  args: readonly string[],
  ask: (folder: string) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await withFile("loops.elf", LOOPS, async (_, folder) => {
    const child = start(["run", "loops.elf", "--timeout", "100", "--", ...args], {
      cwd: folder,
      env: { NO_COLOR: "1", TMPDIR: folder, ...env },
    });
    try {
      const stdout = child.stdout.getReader();
      assertEquals((await stdout.read()).value, new Uint8Array([0x68]));
      await ask(folder);
      child.kill("SIGINT");
      assertEquals((await child.status).code, 130);
      await stdout.cancel();
    } finally {
      await child.stderr.cancel();
    }
  });
}

/** Has QEMU open its monitor on a socket. */
const MONITOR = ["-monitor", "unix:monitor.sock,server=on,wait=off"];

/** What QEMU's monitor answers to a command. */
async function monitor(folder: string, command: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path: `${folder}/monitor.sock` });
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(2 ** 16);
  let text = "";
  const readPrompt = async (): Promise<void> => {
    text = "";
    while (!text.endsWith("(qemu) ")) text += decoder.decode(buffer.subarray(0, (await connection.read(buffer))!));
  };
  await readPrompt();
  await connection.write(new TextEncoder().encode(`${command}\n`));
  await readPrompt();
  return text.split("\n").slice(1, -1).join("\n").replaceAll("\r", "");
}

const NETWORKS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["no network", [], /^$/],
  ["no network", ["-name", "-nic"], /^$/],
  ["the network of -nic", ["-nic", "user,id=mine"], /mine: .*type=user/],
  ["the network of -netdev", [
    ...["-netdev", "hubport,id=mine,hubid=0"],
    ...["-device", "e1000,netdev=mine"],
  ], /mine: e1000/],
  ["the network of --net", ["--net", "nic,model=e1000"], /e1000/],
];

for (const [what, args, expected] of NETWORKS) {
  testWithTools(
    [QEMU],
    `a guest has ${what} with ${args.join(" ") || "no argument"}`,
    () =>
      whileRunning([...MONITOR, ...args], async (folder) => {
        assertMatch(await monitor(folder, "info network"), expected);
      }),
  );
}

/** How many system call filters a process has, from Linux's /proc. */
async function filtersOf(process: string): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${process}/status`);
  return Number(/^Seccomp_filters:\s+(\d+)$/m.exec(status)?.[1]);
}

/** The QEMU that has a folder's name among its arguments. */
async function qemuOf(folder: string): Promise<string> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (/^[^\0]*qemu-system-x86_64\0/.test(line) && line.includes(folder)) return name;
  }
  throw new Error("no QEMU is running");
}

const linux = Deno.build.os === "linux";
const posix = Deno.build.os !== "windows";

/** A program in front of QEMU that has no sandbox, and says what QEMU says where it was built without one. */
const WITHOUT_SECCOMP = `#!/bin/sh
for word; do
  [ "$word" = -sandbox ] || continue
  echo "qemu-system-x86_64: -sandbox support is not enabled in this QEMU binary" >&2
  exit 1
done
PATH=\${PATH#*:}
exec qemu-system-x86_64 "$@"
`;

async function withoutSeccomp(folder: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/${QEMU}`, WITHOUT_SECCOMP);
  await Deno.chmod(`${folder}/${QEMU}`, 0o755);
  return `${folder}:${Deno.env.get("PATH")}`;
}

if (linux) {
  testWithTools([QEMU], "QEMU runs in its sandbox, unless the user decides about that", async () => {
    const own = await filtersOf("self");
    const compare = (more: number) => async (folder: string) => {
      assertEquals(await filtersOf(await qemuOf(folder)), own + more);
    };
    await whileRunning([], compare(1));
    await whileRunning(["-sandbox", "off"], compare(0));
    await whileRunning(["-name", "-sandbox"], compare(1));
  });

  testWithTools([QEMU], "a QEMU that was built without a sandbox runs without one, and --verbose says so", async () => {
    await withFolder(async (bin) => {
      const env = { NO_COLOR: "1", PATH: await withoutSeccomp(bin) };
      const { status, stdout, stderr } = await kload(["run", HELLO], { env });
      assertEquals([status, stderr], [0, ""]);
      assertStringIncludes(stdout, "all checks passed");
      const verbose = await kload(["run", HELLO, "--verbose"], { env });
      assertMatch(verbose.stderr, /^note: QEMU runs without its sandbox$/m);
      const wrong = await kload(["run", HELLO, "--", "-nonsense"], { env });
      assertEquals(wrong.status, 1);
      assertEquals(wrong.stderr.match(/-nonsense: invalid option/g)?.length, 1);
      assert(!wrong.stderr.includes("sandbox"), "the answer to what kload tried first is nobody's concern");
    });
  });
}

testWithTools([QEMU], "--verbose says nothing about a sandbox that is on", async () => {
  assert(!(await kload(["run", HELLO, "--verbose"])).stderr.includes("sandbox"));
});

const STRANGE = "a, b=c,,d ü";

testWithTools(
  [QEMU],
  "commas and spaces in the paths of the temporary folder, kernel and ramdisk are no options",
  async () => {
    await withFolder(async (folder) => {
      for (const name of [STRANGE, "tmp"]) await Deno.mkdir(`${folder}/${name}`);
      await Deno.copyFile(HELLO, `${folder}/${STRANGE}/kernel, on=off.elf`);
      await Deno.copyFile(HELLO, `${folder}/${STRANGE}/disk, on=off`);
      const args = ["run", `${STRANGE}/kernel, on=off.elf`, "--ramdisk", `${STRANGE}/disk, on=off`];
      const env = { NO_COLOR: "1", TMPDIR: `${folder}/${STRANGE}` };
      const { status, stdout, stderr } = await kload(args, { cwd: folder, env });
      assertEquals([status, stderr], [0, ""]);
      assertStringIncludes(stdout, "all checks passed");
      assertEquals([...Deno.readDirSync(`${folder}/${STRANGE}`)].length, 2);
      // the image's command, too
      const image = `${STRANGE}/boot, on=off.elf`;
      const report = await kload(["image", HELLO, "-o", image], { cwd: folder });
      const [line] = /qemu-system-x86_64 .*/.exec(report.stdout)!;
      const command = new Deno.Command("sh", { args: ["-c", line], cwd: folder, stdin: "null" });
      assertStringIncludes(new TextDecoder().decode((await command.output()).stdout), "all checks passed");
    });
  },
);

testWithTools(
  [QEMU, "gdb"],
  "the debugger's command works with commas and spaces in the temporary folder",
  async () => {
    await withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/${STRANGE}`);
      const child = start(["run", HELLO, "--gdb"], { env: { NO_COLOR: "1", TMPDIR: `${folder}/${STRANGE}` } });
      const errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
      let told = "";
      while (!/gdb .*\n/.test(told)) told += (await errors.read()).value ?? "\ngdb nothing\n";
      const line = /gdb .*/.exec(told)![0].replace("gdb", "gdb -nx -batch");
      const text = await runTool("sh", ["-c", `${line} -ex 'info registers rip' -ex detach`]);
      assertMatch(text, /rip +0xffffffff80000000 +0xffffffff80000000 <_start>/);
      assertStringIncludes(await new Response(child.stdout).text(), "all checks passed");
      assertEquals((await child.status).code, 0);
      await errors.cancel();
    });
  },
);

Deno.test({
  name: "a temporary folder whose path is too long for a socket is an error that says so, and leaves nothing",
  ignore: !posix,
  fn: async () => {
    await withFolder(async (folder) => {
      const long = `${folder}/${"x".repeat(100)}`;
      await Deno.mkdir(long);
      const { status, stdout, stderr } = await kload(["run", HELLO], { env: { NO_COLOR: "1", TMPDIR: long } });
      assertEquals([status, stdout], [1, ""]);
      assertMatch(
        stderr,
        /^error\[qemu-failed\]: Cannot start QEMU: the path of its socket, .*, is longer than 103 bytes\n/,
      );
      assertStringIncludes(stderr, "hint: The environment variable TMPDIR can name a folder with a shorter path.\n");
      assertEquals([...Deno.readDirSync(long)], []);
    });
  },
});

Deno.test({
  name: "a temporary folder that does not exist is an error that says so",
  ignore: !posix,
  fn: async () => {
    await withFolder(async (folder) => {
      const env = { NO_COLOR: "1", TMPDIR: `${folder}/none` };
      const { status, stdout, stderr } = await kload(["run", HELLO], { env });
      assertEquals([status, stdout], [1, ""]);
      assertStringIncludes(
        stderr,
        "error[qemu-failed]: Cannot start QEMU: the folder for temporary files does not exist\n" +
          "hint: The environment variable TMPDIR names it; the default is /tmp.\n",
      );
      assertEquals([...Deno.readDirSync(folder)], []);
    });
  },
});

const canMount = linux && Deno.uid() === 0;

Deno.test({
  name: `a full temporary folder is an error that leaves nothing${canMount ? "" : " (left out: only root can mount)"}`,
  ignore: !canMount,
  fn: async () => {
    await withFolder(async (folder) => {
      await runTool("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]);
      try {
        const { status, stdout, stderr } = await kload(["run", HELLO], { env: { NO_COLOR: "1", TMPDIR: folder } });
        assertEquals([status, stdout], [1, ""]);
        assertMatch(stderr, /^error\[image-failed\]: Cannot write the image .*boot\.elf: No space left on device\n/);
        assertStringIncludes(stderr, "hint: The environment variable TMPDIR can name a folder with more room.\n");
        assertEquals([...Deno.readDirSync(folder)], []);
      } finally {
        await runTool("umount", [folder]);
      }
    });
  },
});

/** The temporary folder without the permission to ask for it: a shell knows it. */
const SHELL_FOLDER = '"${TMPDIR:-/tmp}"';

/** What Deno may lack for a run, besides what it has for the kernel; the flags in the error give it. */
const LACKING: readonly (readonly [readonly string[], (folder: string) => string])[] = [
  [["--allow-read=/tmp"], () => `--allow-run=sh --allow-net --allow-write=${SHELL_FOLDER}`],
  [["--allow-env=TMPDIR"], (tmp) => `--allow-run=sh --allow-net --allow-read=${tmp} --allow-write=${tmp}`],
  [["--allow-env", "--allow-write", "--allow-run=sh"], (tmp) => `--allow-net --allow-read=${tmp}`],
  [
    ["--allow-run=sh", "--allow-net", "--allow-read=/tmp", "--allow-write=/tmp/other"],
    () => `--allow-write=${SHELL_FOLDER}`,
  ],
];

for (const [permissions, flags] of linux ? LACKING : []) {
  testWithTools(
    [QEMU],
    `run with ${permissions.join(" ") || "the kernel's permission alone"} says what lacks`,
    async () => {
      await withFile("kernel.elf", await Deno.readFile(HELLO), async (_, cwd) => {
        const given = ["--allow-read=kernel.elf", ...permissions];
        // Without the permission to ask, the folder is the system's own.
        const env = permissions.some((flag) => flag.startsWith("--allow-env")) ? { TMPDIR: cwd } : { TMPDIR: "/tmp" };
        const run = (more: readonly string[]) =>
          kload(["run", "kernel.elf"], { cwd, permissions: [...given, ...more], env: { NO_COLOR: "1", ...env } });
        const lacking = await run([]);
        const wanted = flags(cwd);
        assertEquals(lacking.stderr.split("\n").slice(1), [
          wanted.includes(" ") ? "hint: Give Deno the permissions:" : "hint: Give Deno the permission:",
          `  ${wanted}`,
          "",
        ]);
        assertEquals([lacking.status, lacking.stdout], [1, ""]);
        const { status, stderr } = await run(wanted.replace(SHELL_FOLDER, "/tmp").split(" "));
        assertEquals([status, stderr], [0, ""]);
      });
    },
  );
}

/** A plugin that has much to remark. */
const REMARKS = `
const report = (context) => {
  for (let n = 0; n < 50; n++) context.report({ code: "remark", severity: "warning", message: "Remark " + n + ".", addresses: [] });
  if (Deno.env.get("FAIL")) throw new Error("that was too much");
};
export const plugin = { name: "remarks", handlers: [{ type: 0x60000001, handle: (_, context) => report(context) }] };
`;

Deno.test("run names the command that lists all of many remarks", async () => {
  const odd: SegmentSpec = { p_type: 0x6000_0001, filesz: 0x10, p_vaddr: 0n };
  const text: SegmentSpec = { p_vaddr: TEXT, filesz: 0x10 };
  await withFile("many.elf", buildElf({ header: { e_entry: TEXT }, segments: [text, odd] }), async (_, folder) => {
    await Deno.writeTextFile(`${folder}/remarks.js`, REMARKS);
    const args = ["many.elf", "--plugin", "./remarks.js"];
    const { status, stderr } = await kload(["run", ...args, "--strict"], { cwd: folder });
    assertEquals(status, 1);
    assertStringIncludes(stderr, "  ... and 30 more (kload load --json lists all)\n");
    const { stdout } = await kload(["load", "--json", ...args], { cwd: folder });
    const { diagnostics } = JSON.parse(stdout);
    assertEquals(diagnostics.filter(({ code }: { readonly code: string }) => code === "remark").length, 50);
    for (const command of ["run", "image", "dump"]) {
      const output = command === "run" ? [] : ["-o", "out", ...(command === "dump" ? ["--core"] : [])];
      const failed = await kload([command, ...args, ...output], { cwd: folder, env: { NO_COLOR: "1", FAIL: "yes" } });
      assertStringIncludes(failed.stderr, "error[plugin-failed]");
      assertStringIncludes(failed.stderr, "  ... and 30 more (kload load --json lists all)\n");
    }
  });
});
