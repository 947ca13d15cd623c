/** The examples run, and print what the files that they load have in them, as `readelf` lists it. */

import { assertEquals, assertGreaterOrEqual, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

async function runExample(name: string, args: readonly string[] = [], permissions: readonly string[] = []) {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", ...permissions, `examples/${name}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

// readelf -lW examples/hello/hello.elf: p_memsz of the three LOADs, and the end of the last one's file part
const TEXT = 0xc9c;
const RODATA = 0x3a8;
const DATA = 0x3640;
const LAST_BYTE = 0x3028;

// readelf -rW examples/hello/hello-pie.elf: the addends
const ADDENDS = [0x1d0, 0x1310, 0x3010, 0x3040, 0x5040];

Deno.test("custom_stage adds up the bytes of each permission", async () => {
  const { code, stdout, stderr } = await runExample("custom_stage.ts");
  assertEquals([code, stderr], [0, ""]);
  const sums = stdout.split("\n").slice(0, 3);
  assertEquals(sums, [`R-X ${TEXT} bytes`, `R-- ${RODATA} bytes`, `RW- ${DATA} bytes`]);
});

Deno.test("load_from_fetch loads from a file and from a server, and stops at the last byte that is needed", async () => {
  const file = await runExample("load_from_fetch.ts");
  assertEquals([file.code, file.stderr], [0, ""]);
  const bytesRead = file.stdout.match(/^entry point 0xffffffff80000000, (\d+) bytes read\n/)?.[1];
  assertGreaterOrEqual(Number(bytesRead), LAST_BYTE);
  const hello = await Deno.readFile(new URL("examples/hello/hello.elf", ROOT));
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    return request.url.endsWith("/hello.elf") ? new Response(hello) : new Response("none", { status: 404 });
  });
  try {
    const origin = `http://127.0.0.1:${server.addr.port}`;
    const remote = await runExample("load_from_fetch.ts", [`${origin}/hello.elf`], ["--allow-net"]);
    assertEquals([remote.code, remote.stderr], [0, ""]);
    assertEquals(remote.stdout.split("\n").slice(1), file.stdout.split("\n").slice(1));
    assertMatch(remote.stdout, /^entry point 0xffffffff80000000, \d+ bytes read\n/);
    const missing = await runExample("load_from_fetch.ts", [`${origin}/missing.elf`], ["--allow-net"]);
    assertEquals([missing.code, missing.stdout], [1, ""]);
    assertStringIncludes(missing.stderr, "response-not-ok: Cannot read the response: its status is 404");
  } finally {
    await server.shutdown();
  }
});

Deno.test("custom_handler reads the header type that its kernel's linker script writes", async () => {
  const { code, stdout, stderr } = await runExample("custom_handler.ts");
  assertEquals([code, stderr], [0, ""]);
  // The strings in examples/custom_handler/kernel.S
  assertEquals(stdout, "console: serial\nstack: 0x8000\n");
});

Deno.test("kaslr places a kernel where its seed says, and every relocated word moves along", async () => {
  const [one, again, other] = await Promise.all(["1", "1", "2"].map((seed) => runExample("kaslr.ts", [seed])));
  assertEquals([one.code, one.stderr], [0, ""]);
  assertEquals(one.stdout, again.stdout);
  assertNotEquals(one.stdout, other.stdout);
  for (const { stdout } of [one, other]) {
    const words = [...stdout.matchAll(/^ {2}0x[0-9a-f]+: (0x[0-9a-f]+) = base \+ (0x[0-9a-f]+)$/gm)];
    const [base] = stdout.match(/0x[0-9a-f]+(?=, entry)/) ?? [];
    assertEquals(words.slice(0, ADDENDS.length).map(([, , addend]) => Number(addend)), ADDENDS);
    for (const [, value, addend] of words.slice(0, ADDENDS.length)) {
      assertEquals(BigInt(value), BigInt(base ?? 0) + BigInt(addend));
    }
  }
});

Deno.test("teach_paging follows an address to its bytes, and one that is not mapped to where the walk ends", async () => {
  const { code, stdout, stderr } = await runExample("teach_paging.ts");
  assertEquals([code, stderr], [0, ""]);
  // readelf -sW examples/hello/hello.elf: constants is at 0xffffffff80001370, so its indices are 511, 510, 0 and 1.
  const indices = [...stdout.matchAll(/^Level (\d): bits \d+-\d+ are ([01]{9}), which is (\d+)\.$/gm)];
  assertEquals(indices.map(([, level, bits, index]) => [level, parseInt(bits, 2), Number(index)]), [
    ["4", 511, 511],
    ["3", 510, 510],
    ["2", 0, 0],
    ["1", 1, 1],
  ]);
  // readelf -x .rodata examples/hello/hello.elf: what is at that address
  assertStringIncludes(stdout, "The bytes there are ef cd ab 89 67 45 23 01.");
  assertStringIncludes(stdout, "Together: R--.");
  assertStringIncludes(stdout, "at file offset 0x2370.");
  const absent = await runExample("teach_paging.ts", ["examples/hello/hello.elf", "0x1000"]);
  assertEquals([absent.code, absent.stderr], [0, ""]);
  assertStringIncludes(absent.stdout, "Level 4: bits 47-39 are 000000000, which is 0.");
  assertStringIncludes(absent.stdout, "Bit 0, PRESENT, is clear: the walk ends here");
  assertEquals(absent.stdout.includes("Level 3"), false);
  const outside = await runExample("teach_paging.ts", ["examples/hello/hello.elf", "0x800000000000"]);
  assertEquals([outside.code, outside.stdout.includes("CR3")], [0, false]);
  assertStringIncludes(outside.stdout, "Bits 63-48 are 0000000000000000: not copies of bit 47, which is 1.");
});

Deno.test("teach_paging starts at the entry point of any kernel, and says what it cannot find", async () => {
  const other = await runExample("teach_paging.ts", ["tests/fixtures/field/multiboot2-32bit-entry.elf"]);
  assertEquals([other.code, other.stderr], [0, ""]);
  assertStringIncludes(other.stdout, "(the entry point) is virtual");
  const cases = [
    [["nowhere.elf"], "Cannot read nowhere.elf: "],
    [["deno.json"], "Cannot load deno.json: "],
    [["examples/hello/hello.elf", "constnats"], "nor a symbol of examples/hello/hello.elf. Did you mean constants?"],
    [["examples/hello/hello.elf", "0x10000000000000000"], "is neither an address of 64 bits"],
  ] as const;
  for (const [args, message] of cases) {
    const { code, stderr, stdout } = await runExample("teach_paging.ts", args);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, message);
    assertEquals(stderr.trimEnd().includes("\n"), false); // one line, no stack
  }
});
