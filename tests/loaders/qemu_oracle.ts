/** Asks the real `qemu-system-x86_64 -kernel` what it does with a file: the answers that its rules have to give. */

import type { Outcome } from "../../loaders/rule.ts";

/** What QEMU did with a file. */
export interface QemuAnswer {
  readonly outcome: Outcome;
  /** Its message, or the signal that it died of. */
  readonly words?: string;
}

/** Guest code that reports to the oracle, in 32-bit and 64-bit mode alike: "A" to COM1, then 0x10 to port 0xf4. */
export const REPORTING_CODE: Uint8Array = Uint8Array.from([
  ...[0x66, 0xba, 0xf8, 0x03, 0xb0, 0x41, 0xee], // mov $0x3f8, %dx; mov $'A', %al; out %al, %dx
  ...[0x66, 0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee], // mov $0xf4, %dx; mov $0x10, %al; out %al, %dx
  ...[0xf4, 0xeb, 0xfd], // hlt; jmp to it
]);

/** The exit status of QEMU after 0x10 to the debug exit device. */
const REPORTED = 0x10 << 1 | 1;

const MACHINE = "-accel tcg -display none -nic none -monitor none -serial stdio -no-reboot";

/** How to ask. */
export interface QemuOptions {
  /** The guest's memory, as QEMU takes it. Default: 256 MiB. */
  readonly memory?: string;
  /** How long a kernel that does not report is waited for, in milliseconds. */
  readonly patience?: number;
}

/** Boots a file and reports the outcome. */
export async function askQemu(
  path: string,
  { memory = "256M", patience = 10_000 }: QemuOptions = {},
): Promise<QemuAnswer> {
  const args = [...MACHINE.split(" "), "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-m", memory];
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [...args, "-kernel", path],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  const { code, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  if (signal !== null && signal !== "SIGKILL") return { outcome: "fails", words: `QEMU itself dies of ${signal}` };
  if (code === REPORTED && new TextDecoder().decode(stdout).includes("A")) return { outcome: "boots" };
  const messages = new TextDecoder().decode(stderr).split("\n").map((line) => line.match(/^qemu[\w-]*: (.*)$/)?.[1]);
  const words = messages.findLast((message) => message !== undefined);
  return code === 1 && words !== undefined ? { outcome: "refuses", words } : { outcome: "fails" };
}

/** The version of the QEMU that is asked, such as "7.2.22"; `undefined` if there is none. */
export function qemuVersion(): string | undefined {
  try {
    const { stdout } = new Deno.Command("qemu-system-x86_64", { args: ["--version"], stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout).match(/version ([\d.]+)/)?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
