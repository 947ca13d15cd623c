import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { SUCCESS } from "../boot/boot.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

const QEMU = "qemu-system-x86_64";
const PIE = pathOf("examples/hello/hello-pie.elf");

testWithTools([QEMU], "image writes a file that boots the way the report says", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/boot.elf`;
    const { status, stdout, stderr } = await kload(["image", HELLO, "-o", path]);
    assertEquals([status, stderr], [0, ""]);
    const { code, serial } = await runLine(stdout);
    assertStringIncludes(serial, "all checks passed\n");
    assertEquals(code, SUCCESS);
  });
});

testWithTools([QEMU], "the command of the report is whole, on a line of its own, whatever the path", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/it's a very long name of a folder with spaces, and more of them/boot $HOME image.elf`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")));
    const { status, stdout } = await kload(["image", HELLO, "-o", path]);
    assertEquals(status, 0);
    assertEquals((await runLine(stdout)).code, SUCCESS);
  });
});

testWithTools(
  [QEMU],
  "everything that flags ask for is in the image, and boots",
  async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/boot.elf`;
      const flags = ["--physical-memory", "--identity", "--framebuffer", "800x600", "--ramdisk", PIE];
      const { status, stdout, stderr } = await kload(["image", HELLO, "-o", path, "--stack-size", "4M", ...flags]);
      assertEquals([status, stderr], [0, ""]);
      assertMatch(stdout, /framebuffer +800x600, shown by QEMU's ramfb device/);
      assert(!stdout.includes("GRUB"), "where nothing shows the framebuffer");
      assert((await Deno.stat(path)).size >= (await Deno.stat(PIE)).size + 0x6000);
      const { code, serial } = await runLine(stdout);
      assertStringIncludes(serial, "all checks passed\n");
      assertEquals(code, SUCCESS);
    });
  },
);

/** Runs the line of a report that starts QEMU, as it stands. */
async function runLine(report: string) {
  const [line, more] = [...report.matchAll(/^ {4}(qemu-system-x86_64 .*)$/gm)].map(([, line]) => line);
  assertEquals(more, undefined);
  const command = new Deno.Command("sh", { args: ["-c", line], stdin: "null", signal: AbortSignal.timeout(60_000) });
  const { code, stdout } = await command.output();
  return { code, serial: new TextDecoder().decode(stdout).replaceAll("\r", "") };
}

testWithTools(["readelf"], "image --json has size, entry point and memory of what it wrote", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/boot.elf`;
    const { status, json } = await kloadJson(["image", PIE, "--output", path, "--kernel-base", "0xffffffff80000000"]);
    assertEquals([status, json.image, json.memory % 2 ** 20], [0, path, 0]);
    assertEquals([json.version, json.name], [1, PIE]);
    assertEquals((await Deno.stat(path)).size, json.size);
    assertStringIncludes(await runTool("readelf", ["-h", path]), `Entry point address:               ${json.entry}`);
  });
});

Deno.test("image --quiet prints nothing, and overwrites a longer file", async () => {
  await withFile("boot.elf", new Uint8Array(10 ** 6).fill(1), async (path) => {
    assertEquals(await kload(["image", HELLO, "--quiet", "-o", path]), { status: 0, stdout: "", stderr: "" });
    assert((await Deno.stat(path)).size < 10 ** 6);
  });
});

Deno.test("image puts diagnostics in its report", async () => {
  await withFolder(async (folder) => {
    const args = ["image", HELLO, "-o", `${folder}/boot.elf`];
    assertMatch((await kload([...args, "-v"])).stdout, /info\[physical-address-ignored\]/); // readelf: p_paddr is 0x200000
    assertFalse(/remark|physical-address-ignored/.test((await kload(args)).stdout));
  });
});

const WRONG: readonly (readonly [string, readonly string[], number, string])[] = [
  ["without a path", [HELLO], 2, "Cannot write the file: no -o FILE given"],
  ["to standard output", [HELLO, "-o", "-"], 2, "Cannot use --output -"],
  ["with a base for fixed addresses", [HELLO, "-o", "x", "--kernel-base", "0x1000"], 1, "error[kernel-base-refused]"],
  [
    "to a folder that is not there",
    [HELLO, "-o", "/nowhere/boot.elf"],
    1,
    "error[image-failed]: Cannot write the image",
  ],
  ["of no kernel", [pathOf("deno.json"), "-o", "x"], 1, "error[not-elf]"],
];

for (const [what, args, expected, message] of WRONG) {
  Deno.test(`image ${what} fails with ${expected}`, async () => {
    const { status, stdout, stderr } = await kload(["image", ...args]);
    assertEquals([status, stdout], [expected, ""]);
    assertStringIncludes(stderr, message);
  });
}

Deno.test("image does not overwrite the kernel", async () => {
  const kernel = await Deno.readFile(HELLO);
  await withFile("kernel.elf", kernel, async (path) => {
    const { status, stderr } = await kload(["image", path, "-o", path]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "it is the kernel file\nhint: Give --output the path of another file.\n");
    assertEquals(await Deno.readFile(path), kernel);
  });
});
