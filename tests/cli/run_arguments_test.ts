/** What `kload run` passes on to QEMU. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { hasOnlooker, hasOption, qemuOptions, takeOption } from "../../cli/qemu/qemu_options.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload } from "./kload.ts";

const QEMU = "qemu-system-x86_64";

Deno.test("a value is not taken for an option of QEMU, whatever it looks like", () => {
  const args = ["-name", "-nic", "--S", "-s", "disk.img", "-smp", "2", "--nic", "user", "-append"];
  assertEquals(qemuOptions(args), [
    { name: "name", value: "-nic" },
    { name: "S" },
    { name: "s" },
    { name: "smp", value: "2" },
    { name: "nic", value: "user" },
    { name: "append", value: undefined },
  ]);
  assertEquals(hasOption(["-name", "-nic", "-S"], "nic"), false);
  assert(hasOption(["-S", "-nic", "user"], "nic"));
});

Deno.test("an option is taken out with its values, and nothing else", () => {
  const args = ["-d", "int", "-name", "-d", "--d", "in_asm", "-S", "disk.img"];
  assertEquals(takeOption(args, "d"), { values: ["int", "in_asm"], rest: ["-name", "-d", "-S", "disk.img"] });
  assertEquals(takeOption(["-d"], "d"), { values: [], rest: ["-d"] });
});

/**
 * Whether QEMU takes an option without a value: it then takes what follows for an option, which it does not know. Some
 * options take it for the name of a file that they write.
 */
async function takesNoValue(option: string, folder: string): Promise<boolean> {
  const args = [option, "-nonsense", "-version"];
  const { stderr } = await new Deno.Command(QEMU, { args, cwd: folder, stdin: "null" }).output();
  return new TextDecoder().decode(stderr).includes("-nonsense: invalid option");
}

testWithTools([QEMU], "options are told from values as QEMU itself does", async () => {
  const help = await runTool(QEMU, ["-help"]);
  const names = new Set([...help.matchAll(/^--?([a-z][\w-]*)/gim)].map(([, name]) => name));
  assert(names.size > 100, "the help lists the options");
  const folder = await Deno.makeTempDir();
  try {
    for (const name of names) {
      const { value } = qemuOptions([`-${name}`, "-version"])[0];
      assertEquals(value === undefined, await takesNoValue(`-${name}`, folder), name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a display, a monitor or a debugger of one's own is an onlooker", () => {
  for (const line of ["-display gtk", "-vnc :1", "-s", "--gdb tcp::1", "-monitor unix:a", "-smp 2 -qmp stdio"]) {
    assert(hasOnlooker(line.split(" ")), line);
  }
  for (const line of ["-smp 2", "-display none", "-monitor none", "-name -s", "-nographic", "-serial pty"]) {
    assertEquals(hasOnlooker(line.split(" ")), false, line);
  }
});

const REPLACED: readonly (readonly [readonly string[], string])[] = [
  [["k.elf", "--qemu-arg", "-smp", "--qemu-arg", "4"], "-- -smp 4"],
  [["--qemu-arg=-name", "--qemu-arg=a b", "-q", "k.elf", "--", "-s"], "-- -name 'a b' -s"],
];

for (const [args, command] of REPLACED) {
  Deno.test(`run ${args.join(" ")} is refused with how it is written now`, async () => {
    const { status, stdout, stderr } = await kload(["run", ...args]);
    assertEquals([status, stdout], [2, ""]);
    assertEquals(
      stderr,
      "error[usage]: Cannot use --qemu-arg: QEMU's arguments follow --\n" +
        `hint: Write them at the end of the command:\n  ${command}\n`,
    );
  });
}

Deno.test("what follows -- is no file", async () => {
  const { status, stderr } = await kload(["run", "--", HELLO]);
  assertEquals(status, 2);
  assertStringIncludes(
    stderr,
    "no FILE, - or URL given\nhint: What follows -- is for QEMU: write the file before it.\n",
  );
});

Deno.test("a QEMU in the background is refused, since it would outlive kload", async () => {
  for (const dashes of ["-", "--"]) {
    const { status, stderr } = await kload(["run", HELLO, "--", "-name", "two", `${dashes}daemonize`]);
    assertEquals(status, 2);
    assertStringIncludes(stderr, "Cannot pass -daemonize to QEMU: it must end with kload");
  }
});

testWithTools([QEMU], "what QEMU prints at the request of an argument is printed once", async () => {
  const { status, stdout } = await kload(["run", HELLO, "--", "-device", "help"]);
  assertEquals(stdout.match(/^name "isa-debug-exit"/gm)?.length, 1);
  assertEquals(status, 1);
});
