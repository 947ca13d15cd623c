/** Boots what the project builds in QEMU, without the command line. */

import { type BootInfo, bootInfoBytes, writeBootInfo } from "../../boot/boot_info.ts";
import { addContextSwitch, type ContextSwitch, contextSwitchBytes } from "../../boot/context_switch.ts";
import { bootImage, imageMemory } from "../../boot/image.ts";
import { addKernelStack, type KernelStack, kernelStackBytes } from "../../boot/kernel_stack.ts";
import { type KernelSource, type LoadedKernel, loadKernel } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";

/** The machines, and by which protocol QEMU boots an image on each. */
export const MACHINES = { q35: "Multiboot", microvm: "PVH" } as const;

/** The status of QEMU if the guest writes 0x10 to the port of isa-debug-exit. */
export const SUCCESS = 33;

/** A kernel, and what it is entered with. */
export interface Bootable {
  readonly kernel: LoadedKernel;
  readonly stack: KernelStack;
  readonly info: BootInfo;
  readonly entry: ContextSwitch;
}

/** Loads a kernel into memory that is as large as it has to be, and adds what it is entered with. */
export async function loadBootable(source: KernelSource, kernelBase?: bigint): Promise<Bootable> {
  const reserve = kernelStackBytes() + bootInfoBytes() + contextSwitchBytes();
  const { plugins } = presets.default;
  const kernel = await loadKernel(source, { memory: { base: 0x10_0000 }, reserve, kernelBase, plugins });
  return bootable(kernel);
}

/** Adds what a kernel is entered with. */
export function bootable(kernel: LoadedKernel): Bootable {
  const stack = addKernelStack(kernel);
  const info = writeBootInfo(kernel, { stack });
  const entry = addContextSwitch(kernel, { stack, info });
  return { kernel, stack, info, entry };
}

/** A file of the examples. */
export function example(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFile(new URL(`../../examples/hello/${name}`, import.meta.url));
}

/** All bytes of an image. */
export async function imageBytes(kernel: LoadedKernel, entry: ContextSwitch): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(ReadableStream.from(bootImage(kernel, { entry }))).bytes();
}

/** How a guest ended. */
export interface Booted {
  readonly status: number;
  readonly serial: string;
}

/** Runs QEMU, at most for a minute. */
export async function qemu(args: readonly string[]): Promise<Booted> {
  const common = ["-accel", "tcg", "-cpu", "max", "-display", "none", "-serial", "stdio", "-monitor", "none"];
  const exit = ["-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"];
  const command = new Deno.Command("qemu-system-x86_64", {
    args: [...common, ...exit, ...args],
    stdin: "null",
    stderr: "inherit",
    signal: AbortSignal.timeout(60_000),
  });
  const { code, stdout } = await command.output();
  return { status: code, serial: new TextDecoder().decode(stdout).replaceAll("\r", "") };
}

/** Writes an image and boots it with the memory that it says that it needs. */
export async function bootKernel({ kernel, entry }: Bootable, machine: keyof typeof MACHINES): Promise<Booted> {
  const path = await Deno.makeTempFile({ suffix: ".elf" });
  try {
    await Deno.writeFile(path, ReadableStream.from(bootImage(kernel, { entry })));
    return await qemu(["-M", machine, "-m", `${imageMemory(kernel) / 2 ** 20}`, "-kernel", path]);
  } finally {
    await Deno.remove(path);
  }
}
