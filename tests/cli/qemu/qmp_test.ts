import { assertEquals, assertRejects } from "@std/assert";
import { openQmp, type QmpEvent } from "../../../cli/qemu/qmp.ts";

/** QEMU's end of a connection, of which a test decides what it says and when it goes away. */
function fakeQemu(answers: (command: string) => string | undefined): Deno.Conn {
  let send: (text: string) => void = () => {};
  let leave: () => void = () => {};
  const readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      send = (text) => controller.enqueue(new TextEncoder().encode(text));
      leave = () => controller.close();
      send('{"QMP": {"version": {}}}\r\n');
    },
  });
  const write = async (bytes: Uint8Array): Promise<number> => {
    const answer = answers(JSON.parse(new TextDecoder().decode(bytes)).execute);
    if (answer === undefined) leave();
    else send(answer);
    await new Promise((resolve) => setTimeout(resolve, 10)); // the answer arrives before the write is done
    return bytes.length;
  };
  return { readable, write, close: () => {} } as unknown as Deno.Conn;
}

Deno.test("a command gets its own answer, and events between answers are passed on", async () => {
  const events: QmpEvent[] = [];
  const said: Readonly<Record<string, string>> = {
    qmp_capabilities: '{"return": {}}\n',
    first: '{"event": "STOP"}\n{"return": 1}\n',
    second: '{"error": {"class": "GenericError", "desc": "no"}}\n',
  };
  const qmp = await openQmp(fakeQemu((command) => said[command]), (event) => events.push(event));
  assertEquals(await qmp.execute("first"), 1);
  await assertRejects(() => qmp.execute("second"), Error, "GenericError");
  assertEquals(events, [{ event: "STOP" }]);
});

Deno.test("a QEMU that goes away while a command is written is an error of that command, and of no one else", async () => {
  const qmp = await openQmp(fakeQemu((command) => command === "cont" ? undefined : '{"return": {}}\n'), () => {});
  await assertRejects(() => qmp.execute("cont"), Error, "QEMU went away");
});
