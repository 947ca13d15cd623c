/** What README.md shows of the command line is what it prints. */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { testWithTools } from "./tools.ts";

const ROOT = new URL("../", import.meta.url);
const README = await Deno.readTextFile(new URL("README.md", ROOT));

/** The output that README shows for a command. */
function shown(command: string): string {
  return README.split(`$ ${command}\n`)[1].split("```")[0];
}

async function kload(args: readonly string[], cwd: URL | string = ROOT): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL("cli.ts", ROOT).href, ...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { stdout, stderr } = await command.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("README shows the report of the example kernel", async () => {
  assertEquals(await kload(["load", "examples/hello/hello.elf"]), shown("kload load examples/hello/hello.elf"));
});

Deno.test("README shows the map of the example kernel", async () => {
  assertEquals(await kload(["map", "examples/hello/hello.elf"]), shown("kload map examples/hello/hello.elf"));
});

Deno.test("README shows what is at an address of the example kernel", async () => {
  const line = "walk examples/hello/hello.elf variables";
  assertEquals(await kload(line.split(" ")), shown(`kload ${line}`));
});

Deno.test("README's example of permissions needs no more than it gives", async () => {
  const [, words] = README.match(/^deno (run --allow-.*) cli\.ts image /m)!;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(new URL("examples/hello/hello.elf", ROOT), `${folder}/kernel.elf`);
    const args = [...words.split(" "), "--no-prompt", "--quiet", "--config", fromFileUrl(new URL("deno.json", ROOT))];
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [...args, new URL("cli.ts", ROOT).href, "image", "kernel.elf", "-o", "boot.elf"],
      cwd: folder,
      stdin: "null",
    }).output();
    assertEquals(code, 0);
    assert((await Deno.stat(`${folder}/boot.elf`)).size > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("README shows what a plugin does to a kernel", async () => {
  const args = ["diff", "examples/hello/hello-pie.elf", "--no-plugin", "relro"];
  assertEquals(await kload(args), shown(`kload ${args.join(" ")}`));
});

Deno.test("README shows a refusal", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(new URL("tests/fixtures/original/corpus/align-7-ok.elf", ROOT), `${folder}/broken.elf`);
    assertEquals(await kload(["load", "broken.elf"], folder), shown("kload load broken.elf"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("README shows what a file is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(new URL("tests/fixtures/field/multiboot2-32bit-entry.elf", ROOT), `${folder}/kernel.elf`);
    assertEquals(await kload(["inspect", "kernel.elf"], folder), shown("kload inspect kernel.elf"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("README shows what a loader will say of a kernel", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = new URL("tests/fixtures/loaders/mb2-same-physical-118.elf", ROOT);
    await Deno.copyFile(file, `${folder}/broken.elf`);
    const line = "check broken.elf --for grub-multiboot2";
    assertEquals(await kload(line.split(" "), folder), shown(`kload ${line}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWithTools(["qemu-system-x86_64"], "README shows the report on a kernel that dies", async () => {
  const line = "run tests/fixtures/faults/recursion/kernel.elf";
  assertEquals(await kload(line.split(" ")), shown(`kload ${line}`));
});
