/**
 * The arguments that QEMU is started with.
 *
 * @module
 */

import { EXIT_DEVICE, RAMFB } from "./machine.ts";

/** What the arguments depend on. */
export interface MachineOptions {
  /** The boot image. */
  readonly image: string;
  /** The machine's memory in MiB. */
  readonly mebibytes: number;
  /** Whether the machine has a display for a framebuffer in memory. */
  readonly ramfb: boolean;
  /** The user's arguments. */
  readonly args: readonly string[];
}

/** The sockets that QEMU connects to or listens on. */
export interface Sockets {
  /** kload's, for QMP. */
  readonly qmp: string;
  /** QEMU's, for a debugger, if the guest waits for one. */
  readonly gdb?: string;
}

/** Denies QEMU the system calls that no guest here needs: see "-sandbox" in qemu-system-x86_64(1). */
export const SANDBOX: readonly string[] = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];

/** Without it, the machine has a network card with access to the host's network. */
const NO_NETWORK: readonly string[] = ["-nic", "none"];

/**
 * The arguments for a machine that starts stopped. It has no network, unless the user's arguments give it one.
 *
 * @param options The machine.
 * @param sockets Where QEMU can be reached.
 * @returns The arguments; the user's come last.
 */
export function qemuArguments({ image, mebibytes, ramfb, args }: MachineOptions, sockets: Sockets): readonly string[] {
  return [
    ...["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", `${mebibytes}`, "-display", "none"],
    ...["-serial", "stdio", "-monitor", "none", "-parallel", "none", "-no-user-config"],
    ...(has(args, "nic", "net", "netdev") ? [] : NO_NETWORK),
    ...EXIT_DEVICE,
    ...(ramfb ? RAMFB : []),
    ...["-no-reboot", "-no-shutdown"],
    ...["-d", "int,cpu_reset", "-S", "-qmp", `unix:${optionValue(sockets.qmp)}`],
    ...(sockets.gdb === undefined ? [] : ["-gdb", `unix:${optionValue(sockets.gdb)},server=on,wait=off`]),
    ...["-kernel", image],
    ...args,
  ];
}

/**
 * Whether the user configures the sandbox.
 *
 * @param args The user's arguments.
 * @returns True if they have `-sandbox`.
 */
export function hasSandbox(args: readonly string[]): boolean {
  return has(args, "sandbox");
}

/** QEMU takes its options with one dash or two. */
function has(args: readonly string[], ...options: readonly string[]): boolean {
  return args.some((arg) => options.some((option) => arg === `-${option}` || arg === `--${option}`));
}

/** A value in a list of options, where a comma is written twice. The image's path is not in a list. */
function optionValue(text: string): string {
  return text.replaceAll(",", ",,");
}
