/**
 * GRUB itself, asked what it does with a kernel: it boots from one disk in QEMU, and reads the kernel from another.
 * Needs `qemu-system-x86_64`, `grub-mkimage` with the modules for BIOS (Debian: grub-pc-bin) and `timeout`.
 */

import { join } from "@std/path/join";
import { runTool } from "../tools.ts";

/** The commands that load a kernel. */
export type GrubCommand = "multiboot" | "multiboot2";

/** The outcome for a kernel. */
export interface GrubAnswer {
  /** "boots" if its code ran, "refuses" if GRUB said why it does not, "fails" otherwise. */
  readonly outcome: "boots" | "refuses" | "fails";
  /** What GRUB said. */
  readonly words?: string;
  /** All that came out of the serial port. */
  readonly serial: string;
}

/** How to ask. */
export interface GrubQuestion {
  /** The command. */
  readonly command: GrubCommand;
  /** The kernel; its path is /k.elf. */
  readonly kernel: Uint8Array;
  /** The machine's memory in MiB. Default: 256. */
  readonly memory?: number;
  /** Whether GRUB prints what its relocator does. Default: it does not. */
  readonly debug?: boolean;
}

/** GRUB. */
export interface GrubOracle extends AsyncDisposable {
  /** Asks about one kernel. Each question boots a machine of its own, in about 0.4 s; a kernel that hangs takes 3 s. */
  readonly ask: (question: GrubQuestion) => Promise<GrubAnswer>;
}

/** Modules of GRUB: disks, archives as file systems, the commands, the serial port. */
const MODULES = ["biosdisk", "tar", "multiboot", "multiboot2", "serial", "terminal", "echo", "boot", "halt"];

/** Where Debian and others put GRUB's modules for BIOS. */
const FOLDER = "/usr/lib/grub/i386-pc";

/** Seconds of processor time after which a machine hangs: about eight times what a boot takes, however busy the host is. */
const PATIENCE = 3;

/** Seconds after which one hangs that takes no processor time. */
const IDLE_PATIENCE = 20;

/** Runs QEMU within the limit. */
const LIMITED = `ulimit -t ${PATIENCE} && exec qemu-system-x86_64 "$@"`;

/** The exit status of `isa-debug-exit` for the 0x10 that a kernel writes. */
const RAN = 0x10 << 1 | 1;

const SECTOR = 512;

/** Whether GRUB's modules for BIOS are installed: a tool that is missing, for `testWithTools`. */
export function grubTools(): readonly string[] {
  const tools = ["qemu-system-x86_64", "grub-mkimage", "timeout"];
  try {
    Deno.statSync(`${FOLDER}/multiboot2.mod`);
    return tools;
  } catch {
    return [...tools, "grub-pc-bin"];
  }
}

/**
 * Prepares disks with GRUB.
 *
 * @returns The oracle; it has to be disposed of.
 */
export function startGrubOracle(): GrubOracle {
  const folder = Deno.makeTempDirSync({ prefix: "kload-grub-" });
  const boot = Deno.readFileSync(`${FOLDER}/boot.img`);
  const images = new Map<string, Promise<string>>();
  let asked = 0;

  const makeImage = async (command: GrubCommand, debug: boolean): Promise<string> => {
    const path = join(folder, `${command}${debug ? "-debug" : ""}`);
    const lines = ["serial --unit=0 --speed=115200", "terminal_output serial", "set root=(hd1)"];
    if (debug) lines.push("set debug=relocator");
    Deno.writeTextFileSync(`${path}.cfg`, [...lines, `${command} /k.elf`, "boot", "halt", ""].join("\n"));
    await runTool("grub-mkimage", [
      ...["-O", "i386-pc", "-p", "/", "-c", `${path}.cfg`, "-o", `${path}.core`, ...MODULES],
    ]);
    Deno.writeFileSync(`${path}.img`, padded([boot, Deno.readFileSync(`${path}.core`)]));
    return `${path}.img`;
  };

  const imageFor = (command: GrubCommand, debug: boolean): Promise<string> => {
    const key = `${command} ${debug}`;
    const image = images.get(key) ?? makeImage(command, debug);
    images.set(key, image);
    return image;
  };

  const ask = async ({ command, kernel, memory = 256, debug = false }: GrubQuestion): Promise<GrubAnswer> => {
    const image = await imageFor(command, debug);
    const disk = join(folder, `${asked++}.tar`);
    Deno.writeFileSync(disk, archive("k.elf", kernel));
    const qemu = new Deno.Command("timeout", {
      args: ["-k", "1", `${IDLE_PATIENCE}`, "sh", "-c", LIMITED, "sh", ...machineArgs(memory, [image, disk])],
      stdin: "null",
      stderr: "null",
    });
    const { code, stdout } = await qemu.output();
    Deno.removeSync(disk);
    return answerOf(code, new TextDecoder("latin1").decode(stdout));
  };
  return { ask, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

function machineArgs(memory: number, disks: readonly string[]): readonly string[] {
  return [
    ...["-no-user-config", "-machine", "pc", "-accel", "tcg", "-m", `${memory}`, "-no-reboot"],
    ...["-display", "none", "-nic", "none", "-serial", "stdio", "-monitor", "none"],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
    ...disks.flatMap((disk) => ["-drive", `file=${disk},format=raw,if=ide,snapshot=on`]),
  ];
}

function answerOf(code: number, serial: string): GrubAnswer {
  if (code === RAN && serial.endsWith("A")) return { outcome: "boots", serial };
  // The terminal breaks lines at 80 columns, and what a crash prints is no answer.
  const words = code === 0 ? serial.match(/error: ([\s\S]*?)\.\r?\n/)?.[1].replace(/\r?\n/g, " ") : undefined;
  return words === undefined ? { outcome: "fails", serial } : { outcome: "refuses", words, serial };
}

/** An archive (POSIX ustar) of one file. */
function archive(name: string, content: Uint8Array): Uint8Array {
  const header = new Uint8Array(SECTOR);
  const put = (offset: number, text: string): void => header.set(new TextEncoder().encode(text), offset);
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${content.length.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\0" + "00");
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return padded([header, padded([content]), new Uint8Array(2 * SECTOR)]);
}

/** Pieces one after the other, filled up to whole sectors. */
function padded(pieces: readonly Uint8Array[]): Uint8Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const result = new Uint8Array(Math.ceil(length / SECTOR) * SECTOR);
  let offset = 0;
  for (const piece of pieces) {
    result.set(piece, offset);
    offset += piece.length;
  }
  return result;
}
