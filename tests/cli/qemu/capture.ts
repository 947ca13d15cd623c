/**
 * Writes tests/fixtures/qemu-logs anew, with the QEMU that is installed: deno run -A tests/cli/qemu/capture.ts [GUEST…]
 */

import { bootImage, imageMemory } from "../../../boot/image.ts";
import { EXIT_DEVICE, PROGRAM } from "../../../cli/qemu/machine.ts";
import { bootableGuest, type GuestName, GUESTS } from "./guests.ts";

const FIXTURES = new URL("../../fixtures/qemu-logs/", import.meta.url);

/** How long a guest that does not end is watched, in milliseconds. */
const PATIENCE = 1500;

/** Entries of the log that are kept, from the end: those before are the firmware's. */
const KEPT = 4;

/** Lines that are kept of a log without entries. */
const LAST_LINES = 30;

const ENTRY = /^ *\d+: v=/;

for (const name of (Deno.args.length > 0 ? Deno.args : Object.keys(GUESTS)) as GuestName[]) {
  const folder = await Deno.makeTempDir();
  const { kernel, entry } = await bootableGuest(name);
  await Deno.writeFile(`${folder}/boot.elf`, ReadableStream.from(bootImage(kernel, { entry })));
  const machine = ["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", `${imageMemory(kernel) / 2 ** 20}`];
  const qemu = new Deno.Command(PROGRAM, {
    args: [
      ...[...machine, "-display", "none", "-serial", "none", "-monitor", "stdio", "-no-user-config"],
      ...[...EXIT_DEVICE, "-no-reboot", "-d", "int,cpu_reset", "-D", `${folder}/log`, "-kernel", `${folder}/boot.elf`],
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const ended = qemu.status.then(() => true);
  const isEnded = await Promise.race([ended, new Promise<false>((resolve) => setTimeout(resolve, PATIENCE, false))]);
  const monitor = qemu.stdin.getWriter();
  if (!isEnded) await monitor.write(new TextEncoder().encode("stop\ninfo registers\nquit\n"));
  const said = await new Response(qemu.stdout).text();
  await qemu.status;
  await monitor.close().catch(() => {});
  await Deno.writeTextFile(new URL(`${name}.log`, FIXTURES), lastEntries(await Deno.readTextFile(`${folder}/log`)));
  if (!isEnded) {
    const registers = said.replaceAll("\r", "").match(/^CPU#0\n[\s\S]*?(?=^\(qemu\))/m)?.[0] ?? "";
    await Deno.writeTextFile(new URL(`${name}.registers`, FIXTURES), registers);
  }
  await Deno.remove(folder, { recursive: true });
  console.log(name, isEnded ? "ended" : "went on");
}

function lastEntries(log: string): string {
  const lines = log.split("\n");
  const starts = lines.flatMap((line, at) => ENTRY.test(line) ? [at] : []).slice(-KEPT);
  const first = starts.at(0);
  // What QEMU says of an entry may be on the line before.
  return lines.slice(first === undefined ? -LAST_LINES : Math.max(0, first - 1)).join("\n");
}
