/**
 * The arguments that QEMU is started with.
 *
 * @module
 */

import { EXIT_DEVICE, RAMFB } from "./machine.ts";
import { hasOption, takeOption } from "./qemu_options.ts";
import type { Sockets } from "./qemu_sockets.ts";

/** What the arguments depend on. */
export interface MachineOptions {
  /** The boot image. */
  readonly image: string;
  /** The machine's memory in MiB. */
  readonly mebibytes: number;
  /** Whether the machine has a display for a framebuffer in memory. */
  readonly ramfb: boolean;
  /** Whether it waits for a debugger. */
  readonly gdb: boolean;
  /** Where kload and QEMU reach each other. */
  readonly sockets: Sockets;
  /** The user's arguments. */
  readonly args: readonly string[];
}

/** Denies QEMU the system calls that no guest here needs: see "-sandbox" in qemu-system-x86_64(1). */
export const SANDBOX: readonly string[] = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];

/** The name of the first serial port's connection, which those of the user's arguments must not have. */
const SERIAL = "kload-serial";

/** Without it, the machine has a network card with access to the host's network. */
const NO_NETWORK: readonly string[] = ["-nic", "none"];

/**
 * The arguments for a machine that starts stopped. It has no network, unless the user's arguments give it one.
 *
 * @param options The machine.
 * @returns The arguments; the user's come last.
 */
export function qemuArguments(options: MachineOptions): readonly string[] {
  const { image, mebibytes, ramfb, gdb, sockets } = options;
  // QEMU takes the last list of what to log, and kload needs its own items.
  const { values: logged, rest: args } = takeOption(options.args, "d");
  return [
    ...["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", `${mebibytes}`, "-display", "none"],
    ...["-chardev", `pipe,id=${SERIAL},path=${optionValue(sockets.serial)}`, "-serial", `chardev:${SERIAL}`],
    ...["-monitor", "none", "-parallel", "none", "-no-user-config"],
    ...(hasOption(args, "nic", "net", "netdev") ? [] : NO_NETWORK),
    ...EXIT_DEVICE,
    ...(ramfb ? RAMFB : []),
    ...["-no-reboot", "-no-shutdown"],
    ...["-d", ["int,cpu_reset", ...logged].join(), "-S", "-qmp", `unix:${optionValue(sockets.qmp)}`],
    ...(gdb ? ["-gdb", `unix:${optionValue(sockets.gdb)},server=on,wait=off`] : []),
    ...["-kernel", image],
    ...args,
  ];
}

/** A value in a list of options, where a comma is written twice. The image's path is not in a list. */
function optionValue(text: string): string {
  return text.replaceAll(",", ",,");
}
