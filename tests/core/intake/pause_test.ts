import { assertEquals, assertRejects } from "@std/assert";
import { pauses } from "../../../core/intake/pause.ts";

/** Keeps the processor busy for more than the 20 ms after which a pause is due. */
function work(): void {
  for (const end = performance.now() + 21; performance.now() < end;);
}

Deno.test("a pause is only due after 20 ms of work, and again after as much", async () => {
  const pause = pauses();
  assertEquals(pause(), undefined);
  for (let round = 0; round < 2; round++) {
    work();
    const due = pause();
    assertEquals(due instanceof Promise, true);
    await due;
    assertEquals(pause(), undefined);
  }
});

Deno.test("in a pause, timers run", async () => {
  const pause = pauses();
  let fired = false;
  const timer = setTimeout(() => fired = true);
  for (let round = 0; round < 100 && !fired; round++) {
    work();
    await pause();
  }
  clearTimeout(timer);
  assertEquals(fired, true);
});

Deno.test("a pause rejects with the reason of an abort that arrived in it", async () => {
  const controller = new AbortController();
  const pause = pauses(controller.signal);
  const reason = new Error("enough");
  const timer = setTimeout(() => controller.abort(reason));
  const rejected = await assertRejects(async () => {
    for (let round = 0; round < 100; round++) {
      work();
      await pause();
    }
  });
  clearTimeout(timer);
  assertEquals(rejected, reason);
});
