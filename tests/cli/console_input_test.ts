import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { escapeKeys } from "../../cli/input/escape_keys.ts";
import { isForeground } from "../../cli/input/terminal.ts";
import { capture } from "../../cli/qemu/serial_output.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const typed = (keys: string): Uint8Array => new TextEncoder().encode(keys);

const KEYS: readonly (readonly [string, string, boolean])[] = [
  ["ls\r\x03\x04\x1b[A", "ls\r\x03\x04\x1b[A", false],
  ["\x01\x01", "\x01", false],
  ["a\x01\x01\x01\x01b", "a\x01\x01b", false],
  ["a\x01xb", "a", true],
  ["a\x01Xb", "a", true],
  ["\x01\x01x", "\x01x", false],
  ["\x01cx", "x", false],
  ["\x01", "", false],
];

for (const [keys, passed, quit] of KEYS) {
  Deno.test(`${JSON.stringify(keys)} sends ${JSON.stringify(passed)}${quit ? " and ends the run" : ""}`, () => {
    const whole = escapeKeys();
    assertEquals([text(whole.take(typed(keys))), whole.quit], [passed, quit]);
    const single = escapeKeys();
    const pieces = [...typed(keys)].map((key) => text(single.take(Uint8Array.of(key))));
    assertEquals([pieces.join(""), single.quit], [passed, quit], "key by key");
  });
}

const GROUPS: readonly (readonly [string, boolean])[] = [
  // proc(5): pid (comm) state ppid pgrp session tty_nr tpgid flags …
  ["812 (deno) S 811 812 811 34816 812 4194304 0 0", true],
  ["812 (deno) S 811 812 811 34816 811 4194304 0 0", false],
  ["812 (deno) S 811 812 811 0 -1 4194304 0 0", false],
  ["812 (a) S 1 2 3 4 2 (b) S 811 812 811 34816 812 4194304", true],
  ["  812   812\n", true], // ps -o pgid= -o tpgid=
  ["  812   700\n", false],
  ["", true],
];

for (const [stat, expected] of GROUPS) {
  Deno.test(`a process of ${JSON.stringify(stat)} is ${expected ? "" : "not "}in the foreground`, () => {
    assertEquals(isForeground(stat), expected);
  });
}

Deno.test("output that is captured ends with the last bytes, however it came", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 }),
    fc.integer({ min: 1, max: 60 }),
    async (pieces, most) => {
      const output = capture(most);
      for (const piece of pieces) await output.write(new Uint8Array(piece));
      const all = pieces.flatMap((piece) => [...piece]);
      assertEquals([...output.kept()], all.slice(-most));
      assert(output.written() === all.length);
    },
  ));
});
