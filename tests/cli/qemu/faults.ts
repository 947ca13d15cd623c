/**
 * The kernels of tests/fixtures/faults: each is entered at addresses of its own choice, so that what was captured of it
 * stays right whatever addresses the loader would choose.
 */

import { writeBootInfo } from "../../../boot/boot_info.ts";
import { addContextSwitch } from "../../../boot/context_switch.ts";
import { addDirectMap } from "../../../boot/direct_map.ts";
import { bootImage, imageMemory } from "../../../boot/image.ts";
import { addKernelStack } from "../../../boot/kernel_stack.ts";
import { programOf } from "../../../cli/commands/program_of.ts";
import { disassembler } from "../../../cli/input/disassembler.ts";
import { paintFor } from "../../../cli/output/paint.ts";
import { exceptionLog } from "../../../cli/qemu/exception_log.ts";
import { explainGuest, type FileReaders } from "../../../cli/qemu/explain_guest.ts";
import type { ReadGuest } from "../../../cli/qemu/guest_pages.ts";
import { startQemu } from "../../../cli/qemu/qemu_process.ts";
import { parseProcessors } from "../../../cli/qemu/registers.ts";
import { runReport } from "../../../cli/qemu/run_report.ts";
import type { Bootable } from "../../../cli/report/bootable.ts";
import { keepFile } from "../../../core/file/kept_file.ts";
import type { FaultExplanation } from "../../../explain/fault/fault_explanation.ts";
import { readSymbols } from "../../../explain/symbols/read_symbols.ts";
import { loadKernel } from "../../../mod.ts";
import { presets } from "../../../plugins/presets.ts";
import { recognizeFile } from "../../../protocols/recognize.ts";

const FIXTURES = new URL("../../fixtures/faults/", import.meta.url);

const MEMORY = { base: 0x10_0000, size: 0x70_0000 };
const LEVEL4 = 0x20_0000;
const STACK = 0xffff_9000_0000_0000n;
const BOOT_INFO = 0xffff_9100_0000_0000n;
const DIRECT_MAP = 0xffff_9200_0000_0000n;
const PAGE_SIZE = 4096;

/** Kernels that go on for ever, and how long they are watched, in seconds. */
const ENDLESS: Readonly<Record<string, number>> = { "panic-halt": 1, "handler-panics": 1, "cr3-is-virtual": 1 };

/** What QEMU is asked for besides. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  "no-long-mode": ["-cpu", "qemu32"],
};

/** The kernels that have a direct map of physical memory. */
const WITH_DIRECT_MAP: readonly string[] = ["tables-changed", "own-tables"];

/** A kernel that is moved, but loaded without the plugin that relocates it. */
const UNRELOCATED = "unrelocated";

/** The names of all kernels. */
export const FAULTS: readonly string[] = [...Deno.readDirSync(FIXTURES)].filter(({ isDirectory }) => isDirectory)
  .map(({ name }) => name).sort();

/** The URL of a kernel's file. */
export function faultFile(name: string, file: string): URL {
  return new URL(`${name}/${file}`, FIXTURES);
}

/** Loads a kernel and adds what it is entered with. */
export async function bootableFault(name: string): Promise<Bootable> {
  const kernel = await loadKernel(await Deno.readFile(faultFile(name, "kernel.elf")), {
    memory: MEMORY,
    level4Frame: LEVEL4,
    ...(name === UNRELOCATED ? { kernelBase: 0xffff_ffff_8000_0000n } : {}),
    plugins: presets.default.plugins.filter((plugin) => name !== UNRELOCATED || plugin.name !== "relocate"),
  });
  const stack = addKernelStack(kernel, { address: STACK, size: 0x4000 });
  const directMap = WITH_DIRECT_MAP.includes(name)
    ? addDirectMap(kernel, { address: DIRECT_MAP, size: 2 ** 25, largestPage: 0x20_0000 })
    : undefined;
  const info = writeBootInfo(kernel, { stack, directMap, address: BOOT_INFO });
  const entry = addContextSwitch(kernel, { stack, info });
  return { kernel, stack, directMap, info, entry };
}

/** What was captured of a guest: QEMU's log and registers at its end, and how its memory can be read. */
export interface Captured {
  readonly log: string;
  readonly registers: string;
  readonly read: ReadGuest;
}

/** Reads the file of a kernel. */
function readersOf(name: string): FileReaders {
  const bytes = () => Deno.readFile(faultFile(name, "kernel.elf"));
  return {
    names: async () => await readSymbols(await bytes()),
    recognize: async () => {
      const file = keepFile(await bytes());
      const { model, protocols } = await recognizeFile(file);
      return { protocols, ...await programOf(file, model?.elf?.programHeaders ?? [], model) };
    },
    disassembler,
  };
}

/** Explains how a guest ended. */
export async function explained(
  name: string,
  bootable: Bootable,
  captured: Captured,
): Promise<{ readonly report: string; readonly explanation: FaultExplanation }> {
  const log = exceptionLog();
  for (const piece of captured.log.match(/[\s\S]{1,100}/g) ?? []) log.write(piece); // it arrives in pieces
  const seconds = ENDLESS[name];
  const end = seconds === undefined
    ? { kind: "stopped", reason: "guest-reset" } as const
    : { kind: "timeout", seconds } as const;
  const [registers] = parseProcessors(captured.registers);
  const stopped = { end, registers, log, read: captured.read };
  const explanation = await explainGuest(bootable, stopped, readersOf(name));
  return { report: runReport({ end, log, explanation }, paintFor(false)), explanation };
}

/** Runs a kernel in QEMU until it ends, or its time is over, and does something with it while QEMU is there. */
export async function runFault<T>(
  name: string,
  bootable: Bootable,
  work: (captured: Captured) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(
      `${folder}/boot.elf`,
      ReadableStream.from(bootImage(bootable.kernel, { entry: bootable.entry })),
    );
    let log = "";
    const qemu = await startQemu({
      image: `${folder}/boot.elf`,
      folder,
      mebibytes: imageMemory(bootable.kernel) / 2 ** 20,
      ramfb: false,
      gdb: false,
      args: ARGUMENTS[name] ?? [],
      onSerial: () => Promise.resolve(),
      onOutput: () => Promise.resolve(),
      onLog: (text) => void (log += text),
    });
    try {
      await qemu.start();
      const seconds = ENDLESS[name];
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<string>((resolve) => {
        timer = setTimeout(resolve, (seconds ?? 30) * 1000, "late");
      });
      const reason = await Promise.race([qemu.stopped, late]);
      clearTimeout(timer);
      if ((reason === "late") !== (seconds !== undefined)) throw new Error(`${name} ended by ${reason}`);
      const registers = await qemu.monitor("info registers -a") ?? "";
      // What QEMU logged before it stopped may still be on its way.
      for (let tries = 0; seconds === undefined && !/^Triple fault/m.test(log) && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return await work({ log, registers, read: qemu.readMemory });
    } finally {
      qemu.kill();
      await qemu.ended;
    }
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {}); // QEMU's guard may have removed it
  }
}

const LINE = 32;
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A reader that keeps what it reads, as text: each frame's lines that differ from what was loaded. */
export function recording(read: ReadGuest, { kernel: { memory } }: Bootable): { read: ReadGuest; text: () => string } {
  const frames = new Map<number, string>();
  return {
    read: async (range) => {
      const bytes = await read(range);
      const frame = Number(range.address);
      const loaded = loadedPage(frame, memory);
      const lines = Array.from({ length: PAGE_SIZE / LINE }, (_, line) => line * LINE)
        .filter((at) => bytes && hex(bytes.subarray(at, at + LINE)) !== hex(loaded.subarray(at, at + LINE)))
        .map((at) => `  ${at.toString(16)}: ${hex(bytes!.subarray(at, at + LINE))}`);
      frames.set(frame, [`${frame.toString(16)}${bytes ? "" : " unknown"}`, ...lines].join("\n"));
      return bytes;
    },
    text: () => [...frames].sort(([a], [b]) => a - b).map(([, text]) => `${text}\n`).join(""),
  };
}

function loadedPage(frame: number, memory: Bootable["kernel"]["memory"]): Uint8Array<ArrayBuffer> {
  const isInside = frame >= memory.base && frame + PAGE_SIZE <= memory.base + memory.size;
  return isInside ? new Uint8Array(memory.bytes(frame, PAGE_SIZE)) : new Uint8Array(PAGE_SIZE);
}

/** What was captured of a kernel, from its files. */
export async function capturedFault(name: string, { kernel: { memory } }: Bootable): Promise<Captured> {
  const [log, registers, text] = await Promise.all(["guest.log", "guest.registers", "guest.memory"].map((file) => {
    return Deno.readTextFile(faultFile(name, file));
  }));
  const frames = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  for (const [, frame, unknown, lines] of text.matchAll(/^([0-9a-f]+)( unknown)?\n((?: .*\n)*)/gm)) {
    const bytes = loadedPage(parseInt(frame, 16), memory);
    for (const [, at, data] of lines.matchAll(/^ {2}([0-9a-f]+): ([0-9a-f]+)$/gm)) {
      bytes.set(data.match(/../g)!.map((byte) => parseInt(byte, 16)), parseInt(at, 16));
    }
    frames.set(parseInt(frame, 16), unknown ? undefined : bytes);
  }
  const read: ReadGuest = ({ address }) => {
    const frame = Number(address);
    if (!frames.has(frame)) throw new Error(`${name}: frame 0x${frame.toString(16)} was not captured`);
    return Promise.resolve(frames.get(frame));
  };
  return { log, registers, read };
}

/** Entries of a log that are kept, from the end: those before are the firmware's. */
const KEPT = 3;

/** The part of a log that matters. */
export function endOfLog(log: string): string {
  const lines = log.split("\n");
  const starts = lines.flatMap((line, at) => /^ *\d+: v=/.test(line) ? [at] : []).slice(-KEPT);
  // What QEMU says of an entry may be on the line before.
  return starts.length === 0 ? lines.slice(-4).join("\n") : lines.slice(Math.max(0, starts[0] - 1)).join("\n");
}
