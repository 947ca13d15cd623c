/** What a report says of a file in a few words. */

import { assertEquals } from "@std/assert";
import { userProgram } from "../../cli/report/file_facts.ts";

Deno.test("an interpreter's path is quoted, and what a terminal would obey is escaped once", () => {
  const said = userProgram({ interpreter: '/lib/\x1b[31m"\u202e\x9b.so' }) ?? "";
  assertEquals(said, String.raw`a user program: it names the interpreter "/lib/\u001b[31m\"\u202e\u009b.so"`);
});
