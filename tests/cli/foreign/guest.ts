/** A QEMU that runs a guest, with a stub for debuggers and QMP, each at a socket of its own. */

import { openQmp, type Qmp } from "../../../cli/qemu/qmp.ts";
import { KEEPER } from "../../qemu/machine.ts";

const DEADLINE = 15_000; // milliseconds

/** A QEMU that runs a guest. */
export interface Guest extends AsyncDisposable {
  /** Its folder, gone when it is. */
  readonly dir: string;
  /** The path of the stub's socket. */
  readonly gdb: string;
  /** The size of its memory in bytes, from address 0 on. */
  readonly memorySize: number;
  readonly qmp: Qmp;
  /** What QMP's query-status says. */
  readonly status: () => Promise<string>;
  /** Has a command of the monitor executed, and gives what it prints. */
  readonly monitor: (line: string) => Promise<string>;
}

/** Starts QEMU with an image; the guest does not run before it is told to. */
export async function startGuest(image: Uint8Array): Promise<Guest> {
  const dir = await Deno.makeTempDir({ prefix: "kload-guest-" });
  await Deno.writeFile(`${dir}/boot.elf`, image);
  const memorySize = 64 * 2 ** 20;
  const sockets = ["-gdb", `unix:${dir}/gdb,server=on,wait=off`, "-qmp", `unix:${dir}/qmp,server=on,wait=off`];
  const machine = ["-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", `${memorySize / 2 ** 20}`, "-nodefaults"];
  const boot = ["-S", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", `${dir}/boot.elf`];
  const keeper = new Deno.Command("sh", {
    args: ["-c", KEEPER, "sh", dir, "qemu-system-x86_64", ...machine, ...boot, ...sockets],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const ended = new Response(keeper.stdout).text();
  const connection = await connect(`${dir}/qmp`);
  const qmp = await openQmp(connection, () => {});
  return {
    dir,
    gdb: `${dir}/gdb`,
    memorySize,
    qmp,
    status: async () => (await qmp.execute("query-status") as { readonly status: string }).status,
    monitor: async (line) => await qmp.execute("human-monitor-command", { "command-line": line }) as string,
    [Symbol.asyncDispose]: async () => {
      qmp.close();
      await Promise.all([keeper.stdin.close(), keeper.status, ended]);
    },
  };
}

/** Connects to a socket as soon as it is there. */
async function connect(path: string): Promise<Deno.Conn> {
  const end = performance.now() + DEADLINE;
  for (;;) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + DEADLINE;
  while (!await isSo()) {
    if (performance.now() > end) throw new Error(`${what}: that did not come about in time`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
