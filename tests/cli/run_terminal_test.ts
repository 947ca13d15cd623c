/** `kload run` in a terminal: keys reach the guest at once, and there is a way out. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testWithTools } from "../tools.ts";
import { HELLO, pathOf } from "./kload.ts";
import { BUILD_TOOLS, withEcho } from "./serial_guests.ts";
import { inTerminal } from "./terminal.ts";

const TOOLS = [...BUILD_TOOLS, "python3"];
const KLOAD = [Deno.execPath(), "run", "--quiet", "--config", pathOf("deno.json"), "-A", pathOf("cli.ts")];
const WAY_OUT = "note: keys go to the guest; Ctrl-A X ends the run, Ctrl-A Ctrl-A sends Ctrl-A\r\n";

testWithTools(
  TOOLS,
  "keys reach the guest as they are, and Ctrl-A X ends the run and gives the terminal back",
  () =>
    withEcho(["SET_UP"], async (path) => {
      const { status, text, modes } = await inTerminal([...KLOAD, "run", path], [
        { after: WAY_OUT, type: "one\r" }, // typed before the guest reads
        { after: "one\r", type: "\x03\x1a" }, // Ctrl-C and Ctrl-Z
        { after: "\x03\x1a", type: "\x01" },
        { after: "", type: "\x01" },
        { after: "\x01", type: "two" },
        { after: "two", type: "\x01X" },
      ]);
      assertEquals(status, 130);
      assertEquals(text, `${WAY_OUT}one\r\x03\x1a\x01two\r\n`, "nothing is echoed but by the guest");
      assert(modes[1] !== modes[0], "the terminal is in raw mode before the note is printed");
    }),
);

testWithTools(
  TOOLS,
  "lines of output start at the left margin in raw mode, those of the report too",
  () =>
    withEcho(["SET_UP"], async (path) => {
      const { status, text } = await inTerminal([...KLOAD, "run", path, "--timeout", "2"], [
        { after: WAY_OUT, type: "a\nb" },
        { after: "a\r\nb" },
      ]);
      assertEquals(status, 124);
      assertMatch(text, /a\r\nb\r\nrun\[timeout\]: The guest did not finish within 2 s\.\r\n/);
      assert(!/[^\r]\n/.test(text));
    }),
);

const ENDS = [["SIGINT", 130], ["SIGHUP", 129], ["SIGTERM", 143], ["SIGQUIT", 131]] as const;

for (const [signal, expected] of ENDS) {
  testWithTools(TOOLS, `${signal} gives the terminal back`, () =>
    withEcho(["SET_UP"], async (path) => {
      const { status } = await inTerminal([...KLOAD, "run", path], [
        { after: WAY_OUT, type: "x" },
        { after: "x", signal },
      ]);
      assertEquals(status, expected);
    }));
}

testWithTools(
  TOOLS,
  "the terminal is given back when the guest ends, and when QEMU cannot be started",
  () =>
    withEcho(["SET_UP"], async (path) => {
      const { status } = await inTerminal([...KLOAD, "run", path], [{ after: WAY_OUT, type: "bye\x04" }]);
      assertEquals(status, 0);
      const wrong = await inTerminal([...KLOAD, "run", path, "--", "-nonsense"], []);
      assertEquals(wrong.status, 1);
      assertStringIncludes(wrong.text, "-nonsense: invalid option");
    }),
);

for (const [why, tail] of [["--quiet", " --quiet"], ["a pipe", " | cat"], ["no standard error", " 2>/dev/null"]]) {
  testWithTools(
    TOOLS,
    `with ${why}, a terminal passes on lines, and Ctrl-C ends the run`,
    () =>
      withEcho(["SET_UP"], async (path) => {
        const line = `${KLOAD.map((word) => `'${word}'`).join(" ")} run ${path}${tail}; echo`;
        const { text } = await inTerminal(["sh", "-c", line], [
          { after: "", type: "line\n" },
          { after: "line\r\nline\r\n", type: "\x03" },
        ]);
        assertEquals(text.replace(/\^C|\r\n$/g, ""), "line\r\nline\r\n");
      }),
  );
}

testWithTools(
  TOOLS,
  "in the background, the guest runs without serial input, and the shell keeps the terminal",
  async () => {
    // A job of its own; a read from the terminal would stop it, and wait would not return.
    const line = `${KLOAD.map((word) => `'${word}'`).join(" ")} run '${HELLO}' & wait $!; echo status $?`;
    const { text } = await inTerminal(["sh", "-m", "-c", line], []);
    assertStringIncludes(text, "note: kload runs in the background, so the guest has no serial input\r\n");
    assertMatch(text, /all checks passed\r+\n/);
    assertMatch(text, /status 0\r\n$/);
  },
);
