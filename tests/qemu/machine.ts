/** A QEMU machine that never runs an instruction: its memory is a file, and it answers over a socket. */

import { join } from "@std/path/join";

const QEMU = "qemu-system-x86_64";
const RAM_SIZE = 3 * 2 ** 30; // the file has holes: only what is written takes room
const DEADLINE = 15_000; // milliseconds

// The machine q35, where it has 2.75 GiB of memory or more, puts what is above the first 2 GiB at 4 GiB.
const LOW_RAM = 2 * 2 ** 30;
const HIGH_RAM = 4 * 2 ** 30;

/**
 * A script that waits until its standard input ends, which it does at the latest with the process that started it,
 * whatever ends that one; then leaves neither QEMU nor its files behind. Its standard output ends when QEMU does.
 */
export const KEEPER = `
  trap "" HUP INT TERM
  dir=$1
  shift
  "$@" 2>&1 &
  exec >&- 2>&-
  read -r _
  kill -KILL $!
  wait
  rm -rf "$dir"
`;

/** A machine that stands still before its first instruction. */
export interface Machine extends AsyncDisposable {
  /** Its folder, gone when the machine is. */
  readonly dir: string;
  /** The connection to its stub for debuggers. */
  readonly gdb: Deno.Conn;
  /** Writes physical memory: between 1 MiB and 2 GiB, or from 4 GiB to 5 GiB. */
  readonly write: (phys: number, bytes: Uint8Array) => void;
  /** Waits for what QEMU is to do; where it ends or does nothing for 15 s, it is stopped and this throws. */
  readonly within: <T>(what: string, work: Promise<T>) => Promise<T>;
}

/**
 * Starts QEMU.
 *
 * @returns The machine; it has to be disposed of.
 */
export async function startMachine(): Promise<Machine> {
  const dir = Deno.makeTempDirSync({ prefix: "kload-qemu-" });
  const ram = Deno.openSync(join(dir, "ram"), { create: true, read: true, write: true });
  ram.truncateSync(RAM_SIZE);
  const listener = Deno.listen({ transport: "unix", path: join(dir, "gdb") });
  const keeper = new Deno.Command("sh", {
    args: ["-c", KEEPER, "sh", dir, QEMU, ...qemuArgs(dir)],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const ended = new Response(keeper.stdout).text();

  const open: { readonly close: () => void }[] = [ram, listener];
  let stopping: Promise<unknown> | undefined;
  const stop = (): Promise<unknown> => {
    if (stopping) return stopping;
    for (const resource of open) resource.close();
    return stopping = Promise.all([keeper.stdin.close(), keeper.status, ended]);
  };
  const gone = ended.then(() => {
    throw new Error("QEMU has ended");
  });
  gone.catch(() => {});

  const within = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("QEMU is silent")), DEADLINE);
    try {
      return await Promise.race([work, gone, late.promise]);
    } catch (cause) {
      await stop();
      const said = (await ended).trim();
      throw new Error(`Cannot ${what}: QEMU is gone${said && `, and said: ${said}`}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };

  const gdb = await within("connect", listener.accept());
  open.push(gdb);
  const write = (phys: number, bytes: Uint8Array): void => {
    if (stopping) throw new Error("Cannot write memory: QEMU is gone");
    writeAt(ram, fileOffset(phys, bytes.length), bytes);
  };
  return { dir, gdb, write, within, [Symbol.asyncDispose]: async () => void await stop() };
}

function qemuArgs(dir: string): string[] {
  return [
    ["-S", "-no-user-config", "-nodefaults", "-display", "none", "-accel", "tcg", "-cpu", "max"],
    ["-m", `${RAM_SIZE / 2 ** 20}`, "-machine", "q35,memory-backend=ram"],
    ["-object", `memory-backend-file,id=ram,size=${RAM_SIZE},mem-path=${join(dir, "ram")},share=on`],
    ["-chardev", `socket,id=gdb,path=${join(dir, "gdb")}`, "-gdb", "chardev:gdb"],
  ].flat();
}

function fileOffset(phys: number, length: number): number {
  const end = phys + length;
  if (phys >= 2 ** 20 && end <= LOW_RAM) return phys;
  const highSize = RAM_SIZE - LOW_RAM;
  if (phys >= HIGH_RAM && end <= HIGH_RAM + highSize) return phys - HIGH_RAM + LOW_RAM;
  throw new RangeError(`Cannot write ${length} bytes at ${phys}: the machine has no memory there`);
}

function writeAt(file: Deno.FsFile, offset: number, bytes: Uint8Array): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}
