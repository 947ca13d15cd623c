import { assertEquals, assertStringIncludes } from "@std/assert";
import { example } from "./boot.ts";

// readelf: where in each file the entry point lies
const KERNELS = [["hello.elf", 0x1000, "0xffffffff80000000"], ["hello-pie.elf", 0x1d0, "0x80000001d0"]] as const;

for (const [name, offset, entry] of KERNELS) {
  Deno.test(`the example emulator fetches the first instruction of ${name} through the page tables`, async () => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-read", "examples/emulator.ts", `examples/hello/${name}`],
      cwd: new URL("../../", import.meta.url),
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    const text = new TextDecoder().decode(stdout);
    assertStringIncludes(text, `rip   ${entry}\n`);
    const bytes = Array.from((await example(name)).subarray(offset, offset + 15), (byte) => {
      return byte.toString(16).padStart(2, "0");
    });
    assertStringIncludes(text, `fetch ${entry}: ${bytes.join(" ")}\n`);
  });
}
