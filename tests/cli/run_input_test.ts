/** Standard input as the input of the guest's first serial port. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testWithTools } from "../tools.ts";
import { kload, pathOf, start } from "./kload.ts";
import { BUILD_TOOLS, withEcho } from "./serial_guests.ts";

const EOT = 4; // after which the guest reports success
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

for (const macros of [[], ["SET_UP"], ["SLOW"], ["SLOW", "SET_UP"]]) {
  testWithTools(
    BUILD_TOOLS,
    `a guest built with ${macros.join(" and ") || "nothing"} gets every byte of a pipe`,
    () =>
      withEcho(macros, async (path) => {
        const { status, stdout, stderr } = await kload(["run", path], { stdin: encode("Hello, world\r\n\x00\x04") });
        assertEquals([status, stdout, stderr], [0, "Hello, world\r\n\x00\x04", ""]);
      }),
  );
}

testWithTools(BUILD_TOOLS, "a megabyte arrives whole and in order", () =>
  withEcho(["SET_UP"], async (path) => {
    // xorshift32, without the byte that ends the guest
    let state = 1;
    const input = Uint8Array.from({ length: 2 ** 20 }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const byte = state & 0xff;
      return byte === EOT ? 0 : byte;
    });
    input[input.length - 1] = EOT;
    const child = start(["run", path, "--timeout", "200"], { stdin: input });
    new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
    const { code, stdout } = await child.output();
    assertEquals(code, 0);
    assertEquals(stdout.length, input.length);
    assertEquals(stdout.findIndex((byte, at) => byte !== input[at]), -1);
  }));

testWithTools(
  BUILD_TOOLS,
  "the guest goes on at the end of the input, and takes it in pieces as they come",
  () =>
    withEcho(["SET_UP"], async (path) => {
      const child = start(["run", path, "--timeout", "5"], { stdin: new Uint8Array() });
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const writer = child.stdin.getWriter();
      for (const piece of ["one", "two"]) {
        await writer.write(encode(piece));
        let echoed = "";
        while (echoed.length < piece.length) echoed += (await reader.read()).value ?? "nothing more";
        assertEquals(echoed, piece);
      }
      await writer.close();
      assertEquals((await child.status).code, 124, "it runs up to the timeout");
      await reader.cancel();
      await child.stderr.cancel();
    }),
);

testWithTools(
  BUILD_TOOLS,
  "a guest that does not read ends as it would without input",
  () =>
    withEcho([], async (path) => {
      const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)),
      });
      const hello = pathOf("examples/hello/hello.elf");
      const { status, stdout, stderr } = await kload(["run", hello], { stdin: endless });
      assertEquals([status, stderr], [0, ""]);
      assertStringIncludes(stdout, "all checks passed");
      assertEquals((await kload(["run", path, "--timeout", "1"])).status, 124, "nor without any");
    }),
);

testWithTools(
  BUILD_TOOLS,
  "a kernel from standard input has no serial input",
  () =>
    withEcho(["SET_UP"], async (path) => {
      const kernel = await Deno.readFile(path);
      const stdin = new Uint8Array([...kernel, ...encode("more\x04")]);
      for (const source of ["-", "/dev/stdin"]) {
        const { status, stdout, stderr } = await kload(["run", source, "--timeout", "2"], { stdin });
        assertEquals([status, stdout], [124, ""], stderr);
      }
    }),
);

testWithTools(
  BUILD_TOOLS,
  "standard input that cannot be read is a note, and the guest runs",
  () =>
    withEcho(["SET_UP"], async (path, folder) => {
      const deno = [Deno.execPath(), "run", "--quiet", "--config", pathOf("deno.json"), "-A", pathOf("cli.ts")];
      const command = [...deno, "run", path, "--timeout", "1"].map((word) => `'${word}'`).join(" ");
      const child = new Deno.Command("sh", { args: ["-c", `${command} <'${folder}'`], env: { NO_COLOR: "1" } });
      const { code, stderr } = await child.output();
      assertEquals(code, 124);
      assertMatch(new TextDecoder().decode(stderr), /^note: standard input cannot be read: Is a directory\n/);
    }),
);
