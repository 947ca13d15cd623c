import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { qemu, SUCCESS } from "../boot/boot.ts";
import { runTool, testWithTools } from "../tools.ts";
import { HELLO, kload, kloadJson, pathOf, withFile, withFolder } from "./kload.ts";

const PIE = pathOf("examples/hello/hello-pie.elf");

testWithTools(["qemu-system-x86_64"], "image writes a file that boots the way the report says", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/boot.elf`;
    const { status, stdout, stderr } = await kload(["image", HELLO, "-o", path]);
    assertEquals([status, stderr], [0, ""]);
    const [, machine, memory, file] = /qemu-system-x86_64 -M (\S+) -m (\d+) -kernel (\S+)\n/.exec(stdout) ?? [];
    assertEquals(file, path);
    assertEquals((await qemu(["-M", machine, "-m", memory, "-kernel", file])).status, SUCCESS);
  });
});

testWithTools(["readelf"], "image --json tells size, entry point and memory of what it wrote", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/boot.elf`;
    const { status, json } = await kloadJson(["image", PIE, "--output", path, "--kernel-base", "0xffffffff80000000"]);
    assertEquals([status, json.image, json.memory % 2 ** 20], [0, path, 0]);
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
    const { stdout } = await kload(["image", HELLO, "-o", `${folder}/boot.elf`]);
    assertMatch(stdout, /info\[physical-address-ignored\]/); // readelf: p_paddr is 0x200000
  });
});

const WRONG: readonly (readonly [string, readonly string[], number, string])[] = [
  ["without a path", [HELLO], 2, "Cannot write the file: there is no -o FILE"],
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
    assertStringIncludes(stderr, "it is the kernel itself");
    assertEquals(await Deno.readFile(path), kernel);
  });
});
