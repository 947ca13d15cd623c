/** A running QEMU, its memory and its cores have the same page tables, and it is left as it was found. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ForeignOptions, ForeignTables } from "../../../cli/input/foreign/foreign_tables.ts";
import { openForeignTables } from "../../../cli/input/foreign/open_foreign_tables.ts";
import { CliError } from "../../../cli/output/cli_error.ts";
import { listRuns } from "../../../explain/tables/list_runs.ts";
import { walkTables } from "../../../explain/tables/walk_tables.ts";
import { type Bootable, example, imageBytes, loadBootable } from "../../boot/boot.ts";
import { openGdbStub } from "../../qemu/gdb_stub.ts";
import { hasTool, testWithTools } from "../../tools.ts";
import { type Guest, startGuest, until } from "./guest.ts";

const QEMU = "qemu-system-x86_64";
const signal = new AbortController().signal;

let guest: Guest;
let bootable: Bootable;
Deno.test.beforeAll(async () => {
  if (!hasTool(QEMU)) return;
  bootable = await loadBootable(await example("hello.elf"));
  guest = await startGuest(await imageBytes(bootable.kernel, bootable.entry));
});
Deno.test.afterAll(async () => await guest?.[Symbol.asyncDispose]());

function open(options: ForeignOptions = {}, ends: AbortSignal = signal): Promise<ForeignTables> {
  return openForeignTables({ gdb: { transport: "unix", path: guest.gdb }, ...options }, ends);
}

function expectedRuns(): unknown {
  return [...bootable.kernel.mappings()].map((mapping) => ({ kind: "pages", ...mapping }));
}

testWithTools(
  [QEMU],
  "a guest that has not started has no page tables, and does not start by being looked at",
  async () => {
    assertEquals(await guest.status(), "prelaunch");
    const error = await assertRejects(() => open(), CliError);
    assertEquals([error.code, error.message], [
      "source-failed",
      `Cannot read page tables of QEMU at ${guest.gdb}: the guest has not enabled paging (CR0.PG is 0)`,
    ]);
    assertEquals(error.hint, "If its kernel has not been entered yet, let the guest go on first: continue, in gdb.");
    assertEquals(await guest.status(), "prelaunch");
  },
);

testWithTools([QEMU], "a running guest's tables are those that it was given, and it goes on afterwards", async () => {
  await guest.qmp.execute("cont");
  const cr3 = `CR3=${bootable.kernel.level4Frame.toString(16).padStart(16, "0")}`;
  await until("the kernel runs", async () => (await guest.monitor("info registers")).includes(cr3));
  for (let times = 0; times < 3; times++) {
    const { tables, about } = await open();
    assertEquals<unknown>([...listRuns(tables)], expectedRuns());
    const { pagesRead, ...facts } = about;
    assertEquals(facts, {
      source: guest.gdb,
      kind: "guest",
      cr3: bootable.kernel.level4Frame,
      cr3From: "guest",
      levels: 4,
      levelsFrom: "guest",
      isCut: false,
      guest: "resumed",
    });
    assertEquals(pagesRead, [...bootable.kernel.pageTable.tables()].length);
    assertEquals(await guest.status(), "running");
  }
});

testWithTools([QEMU], "pages that are asked for are read with the tables, and others are not", async () => {
  const { entryPoint, memory } = bootable.kernel;
  let phys = 0;
  const { tables } = await open({
    others: (known) => {
      const { end } = walkTables(known, entryPoint);
      assert(end.kind === "page");
      return [phys = end.phys];
    },
  });
  assertEquals(tables.pages.bytes(phys, 16), memory.bytes(phys, 16));
  assertEquals(tables.pages.bytes(phys + 4096, 16), undefined);
});

testWithTools([QEMU], "a guest whose tables are no longer wanted goes on, too", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const others = (): readonly number[] => {
    controller.abort(reason);
    return [bootable.kernel.level4Frame + 2 ** 20];
  };
  const error = await assertRejects(() => open({ others }, controller.signal), Error);
  assertEquals(error, reason);
  await until("the guest runs", async () => await guest.status() === "running");
});

testWithTools([QEMU], "a guest goes on whenever the work ends, also in the middle of a question", async () => {
  let aborted = 0;
  for (let turn = 0; turn < 24; turn++) {
    const controller = new AbortController();
    // Turns of the event loop pass while the guest answers.
    const pending = open({}, controller.signal).then(
      () => {},
      (error) => assertEquals(error, controller.signal.reason),
    );
    for (let count = 0; count < turn; count++) await new Promise((resolve) => setTimeout(resolve, 0));
    controller.abort(new Error("enough"));
    await pending.then(() => controller.signal.aborted && aborted++);
    await until("the guest runs", async () => await guest.status() === "running");
  }
  assertEquals(aborted, 24);
});

testWithTools([QEMU], "a root outside the guest's memory is refused, and the guest runs again", async () => {
  const error = await assertRejects(() => open({ cr3: 2 ** 40 }), CliError);
  assertEquals(
    error.message,
    `Cannot read page tables of QEMU at ${guest.gdb}: the level-4 table at 0x10000000000 is not in the guest's memory`,
  );
  await until("the guest runs", async () => await guest.status() === "running");
});

testWithTools(
  [QEMU],
  "a guest that stands still is left so, and its memory and cores have the same tables",
  async () => {
    await guest.qmp.execute("stop");
    const { tables, about } = await open();
    assertEquals(about.guest, "left stopped");
    assertEquals(await guest.status(), "paused");
    const runs = [...listRuns(tables, { leafFlags: true })];
    assert(runs.length > 3);

    const [raw, core] = [`${guest.dir}/memory.bin`, `${guest.dir}/core`];
    await guest.qmp.execute("pmemsave", { val: 0, size: guest.memorySize, filename: raw });
    await guest.qmp.execute("dump-guest-memory", { paging: false, protocol: `file:${core}` });
    for (const options of [{ memory: raw, cr3: bootable.kernel.level4Frame }, { memory: core }]) {
      const opened = await openForeignTables(options, signal);
      assertEquals([...listRuns(opened.tables, { leafFlags: true })], runs);
      opened.close();
    }
    const { memory, ...facts } = (await openAndClose({ memory: core })).about;
    assertEquals(facts, {
      source: core,
      kind: "core",
      cr3: bootable.kernel.level4Frame,
      cr3From: "core",
      levels: 4,
      levelsFrom: "core",
      processors: 1,
    });
    assertEquals(memory?.[0], { start: 0, size: guest.memorySize });

    const packed = `${guest.dir}/core.kdump`;
    await guest.qmp.execute("dump-guest-memory", { paging: false, protocol: `file:${packed}`, format: "kdump-zlib" });
    await assertRejects(() => openForeignTables({ memory: packed }, signal), CliError, "kdump-compressed dump");
  },
);

async function openAndClose(options: ForeignOptions): Promise<ForeignTables> {
  const opened = await openForeignTables(options, signal);
  opened.close();
  return opened;
}

testWithTools([QEMU], "the next debugger reads virtual memory, as before", async () => {
  using connection = await Deno.connect({ transport: "unix", path: guest.gdb });
  const stub = await openGdbStub(connection);
  const { entryPoint } = bootable.kernel;
  assertEquals(await stub.read(entryPoint, 16), bootable.kernel.read(entryPoint, 16));
});
