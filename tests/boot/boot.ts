/** Boots what the project builds in QEMU, without the command line. */

import { loadKernel } from "../../mod.ts";
import { type BootableKernel, bootImage, imageMemory } from "../../boot/image.ts";
import { bootInfo } from "../../plugins/boot_info.ts";
import { contextSwitch } from "../../plugins/context_switch.ts";
import { kernelStack } from "../../plugins/kernel_stack.ts";
import { presets } from "../../plugins/presets.ts";
import type { KernelSource } from "../../mod.ts";

/** The machines, and by which protocol QEMU boots an image on each. */
export const MACHINES = { q35: "Multiboot", microvm: "PVH" } as const;

/** The status of QEMU where the guest writes 0x10 to the port of isa-debug-exit. */
export const SUCCESS = 33;

/** Loads a kernel to be booted. */
export function loadBootable(source: KernelSource, kernelBase?: bigint) {
  const plugins = [...presets.default.plugins, kernelStack(), bootInfo(), contextSwitch()] as const;
  return loadKernel(source, { memory: { base: 0x10_0000 }, kernelBase, plugins });
}

/** A file of the examples. */
export function example(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFile(new URL(`../../examples/hello/${name}`, import.meta.url));
}

/** All bytes of an image. */
export async function imageBytes(kernel: BootableKernel): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(ReadableStream.from(bootImage(kernel))).bytes();
}

/** What became of a guest. */
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
export async function bootKernel(kernel: BootableKernel, machine: keyof typeof MACHINES): Promise<Booted> {
  const path = await Deno.makeTempFile({ suffix: ".elf" });
  try {
    await Deno.writeFile(path, ReadableStream.from(bootImage(kernel)));
    return await qemu(["-M", machine, "-m", `${imageMemory(kernel) / 2 ** 20}`, "-kernel", path]);
  } finally {
    await Deno.remove(path);
  }
}
