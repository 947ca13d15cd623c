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

Deno.test("in every pause of a load that can be aborted, timers run", async () => {
  const pause = pauses(new AbortController().signal);
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  for (let round = 1; round <= 5; round++) {
    work();
    await pause();
    assertEquals(fired >= round, true);
  }
  clearInterval(timer);
});

Deno.test("a pause rejects with the reason of an abort that arrived in it", async () => {
  const controller = new AbortController();
  const pause = pauses(controller.signal);
  const reason = new Error("enough");
  const timer = setTimeout(() => controller.abort(reason));
  const rejected = await assertRejects(async () => {
    for (let round = 0; round < 3; round++) {
      work();
      await pause();
    }
  });
  clearTimeout(timer);
  assertEquals(rejected, reason);
});

Deno.test("a turn leaves nothing open that would keep a program from ending", async () => {
  const { href } = new URL("../../../core/intake/event_loop_turn.ts", import.meta.url);
  const program = `import { messageTurn, timersTurn } from "${href}"; await messageTurn(); await timersTurn();`;
  const { success } = await new Deno.Command(Deno.execPath(), { args: ["eval", program], stderr: "null" }).output();
  assertEquals(success, true);
});
