import { assertEquals } from "@std/assert";
import { readString } from "../../../core/elf/strings.ts";

const TABLE = new TextEncoder().encode("\0alpha\0beta\0end");

Deno.test("readString() reads from a start to the zero byte", () => {
  assertEquals(readString(TABLE), { text: "", terminated: true });
  assertEquals(readString(TABLE, 1), { text: "alpha", terminated: true });
  assertEquals(readString(TABLE, 3), { text: "pha", terminated: true });
});

Deno.test("readString() says whether there is a zero byte, and reads to the end without one", () => {
  assertEquals(readString(TABLE, 12), { text: "end", terminated: false });
  assertEquals(readString(TABLE, TABLE.length), { text: "", terminated: false });
  assertEquals(readString(TABLE, 2 ** 32), { text: "", terminated: false });
});

Deno.test("readString() looks no further than it may", () => {
  assertEquals(readString(TABLE, 1, 5), { text: "alpha", terminated: false });
  assertEquals(readString(TABLE, 1, 6), { text: "alpha", terminated: true });
});

Deno.test("readString() decodes shared memory, and bytes that are no text", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(TABLE.length));
  shared.set(TABLE);
  assertEquals(readString(shared, 7).text, "beta");
  assertEquals(readString(new Uint8Array([0x61, 0xff, 0])).text, "a\ufffd");
});
