import { assert, assertEquals } from "@std/assert";
import { progressText, startProgress } from "../../cli/output/progress.ts";

const TEXTS: readonly (readonly [number, number | undefined, number, string])[] = [
  [0, undefined, 1, "loading: 0 B, 0 B/s"],
  [1024, undefined, 2, "loading: 1 KiB, 512 B/s"],
  [2 ** 20, 4 * 2 ** 20, 0.5, "loading: 1 MiB of 4 MiB, 25%, 2 MiB/s"],
  [2000, 1000, 1, "loading: 1.95 KiB of 1000 B, 100%, 1.95 KiB/s"],
];

for (const [loaded, total, seconds, text] of TEXTS) {
  Deno.test(`the progress line of ${loaded} bytes is "${text}"`, () => {
    assertEquals(progressText(loaded, total, seconds), text);
  });
}

Deno.test("the progress line says what is done with the bytes", () => {
  assertEquals(progressText(1024, 2048, 1, "reading"), "reading: 1 KiB of 2 KiB, 50%, 1 KiB/s");
});

Deno.test("the progress line waits half a second, and is taken away", async () => {
  const written: string[] = [];
  const line = startProgress((text) => void written.push(text));
  line.update({ loaded: 10 }, 40);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(written, []);
  await new Promise((resolve) => setTimeout(resolve, 450));
  assert(written[0].includes("loading: 10 B of 40 B, 25%"), written[0]);
  line.stop();
  assertEquals(written.at(-1), "\r\x1b[K");
  const { length } = written;
  await new Promise((resolve) => setTimeout(resolve, 150));
  line.stop();
  assertEquals(written.length, length);
});
