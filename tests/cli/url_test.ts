import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildElf } from "../elf_builder.ts";
import { gzip, HELLO, kload, kloadJson } from "./kload.ts";

const hello = await Deno.readFile(HELLO);
const packed = await gzip(hello);
const odd = buildElf({
  header: { e_entry: 0x40_3800n },
  segments: [{ offset: 0x1800, filesz: 0x100, p_align: 3n, p_vaddr: 0x40_3800n }],
  length: 0x2000,
});

const ANSWERS: Readonly<Record<string, () => Response>> = {
  "/hello.elf": () => new Response(hello),
  "/hello.elf.gz": () => new Response(packed),
  "/encoded": () => new Response(packed, { headers: { "content-encoding": "gzip" } }),
  "/bytes": () => new Response(ReadableStream.from(Array.from(hello, (byte) => Uint8Array.of(byte)))),
  "/odd": () => new Response(odd),
  "/broken": () => new Response(ReadableStream.from(brokenOff())),
  "/nothing": () => new Response(null, { status: 204 }),
};

async function* brokenOff(): AsyncGenerator<Uint8Array> {
  yield hello.subarray(0, 5000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  throw new Error("broken off");
}

async function withServer(test: (origin: string, permissions: readonly string[]) => Promise<void>): Promise<void> {
  const handler = (request: Request) => {
    return ANSWERS[new URL(request.url).pathname]?.() ?? new Response("no such thing", { status: 404 });
  };
  const onError = () => new Response(null, { status: 500 });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, onError }, handler);
  const host = `127.0.0.1:${server.addr.port}`;
  try {
    await test(`http://${host}`, [`--allow-net=${host}`]);
  } finally {
    await server.shutdown();
  }
}

Deno.test("a kernel comes from a URL, plain and gzipped, with the permission for its host alone", async () => {
  const { json } = await kloadJson([HELLO]);
  await withServer(async (origin, permissions) => {
    for (const path of ["/hello.elf", "/hello.elf.gz", "/encoded", "/bytes"]) {
      assertEquals(await kloadJson([origin + path], { permissions }), {
        status: 0,
        json: { ...json, name: origin + path, format: path.endsWith(".gz") ? "gzip" : "elf" },
      }, path);
    }
    const inspected = await kloadJson(["inspect", `${origin}/hello.elf`], { permissions });
    assertEquals(inspected.json.bytesRead, (await Deno.stat(HELLO)).size);
  });
});

Deno.test("a refusal of what came from a URL has its note on other rule sets", async () => {
  await withServer(async (origin, permissions) => {
    const { json } = await kloadJson([`${origin}/odd`], { permissions });
    assertEquals([json.error.code, json.error.acceptedBy[0]], ["alignment-invalid", "bootloader-0.10"]);
  });
});

Deno.test("an HTTP error fails with its status", async () => {
  await withServer(async (origin, permissions) => {
    const { status, stdout, stderr } = await kload([`${origin}/nowhere`], { permissions });
    assertEquals([status, stdout], [1, ""]);
    assertStringIncludes(stderr, `${origin}/nowhere: not loaded\nerror[response-not-ok]`);
    assertStringIncludes(stderr, "404 Not Found");
    const { json } = await kloadJson([`${origin}/nowhere`], { permissions });
    assertEquals(json.error.detail, { field: "its status", value: "404 Not Found" });
  });
});

Deno.test("a body that breaks off or is empty fails", async () => {
  await withServer(async (origin, permissions) => {
    assertEquals((await kloadJson([`${origin}/broken`], { permissions })).json.error.code, "source-failed");
    assertEquals((await kloadJson([`${origin}/nothing`], { permissions })).json.error.code, "file-too-short");
  });
});

const UNREACHABLE: readonly (readonly [string, string, readonly string[], string])[] = [
  ["of no host", "http://kernel.invalid/x", ["-A"], ""],
  ["that is none", "http://%%/x", ["-A"], "it is not a valid URL"],
  ["without the permission", "http://127.0.0.1:1234/x", [], "--allow-net=127.0.0.1:1234"],
];

for (const [what, url, permissions, text] of UNREACHABLE) {
  Deno.test(`a URL ${what} cannot be read`, async () => {
    const { status, stdout, stderr } = await kload([url], { permissions });
    assertEquals([status, stdout], [1, ""]);
    assertMatch(stderr, /^error\[source-failed\]: Cannot read http:/);
    assertStringIncludes(stderr, text);
  });
}

Deno.test("a URL that is neither http nor https is refused as such", async () => {
  const { status, stderr } = await kload(["ftp://example.com/kernel.elf"]);
  assertEquals(status, 1);
  assertStringIncludes(
    stderr,
    "Cannot read ftp://example.com/kernel.elf: only http and https URLs can be read\nhint: Download",
  );
});
