/** Other processes: what they print, and the processor time that they take. */

/** Where the scripts are that only run as processes of their own. */
const CHILDREN = new URL("../children/", import.meta.url);

/** The address of a script of bench/children. */
export function scriptPath(name: string): string {
  return new URL(name, CHILDREN).href;
}

/** Runs a script of bench/children to its end and returns what it printed. */
export async function runScript(name: string, args: readonly string[] = []): Promise<string> {
  const { stdout } = await run([scriptPath(name), ...args], "piped");
  return new TextDecoder().decode(stdout);
}

async function run(args: readonly string[], stdout: "piped" | "null"): Promise<Deno.CommandOutput> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", ...args],
    stdin: "null",
    stdout,
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
  const output = await command.output();
  if (!output.success) throw new Error(`Cannot measure ${args[0]}: ${new TextDecoder().decode(output.stderr)}`);
  return output;
}

/** Number of bytes of `struct rusage`: two `struct timeval`, and fourteen other numbers. */
const RUSAGE_SIZE = 144;
const RUSAGE_CHILDREN = -1;

const libc = Deno.dlopen(Deno.build.os === "darwin" ? "libSystem.B.dylib" : "libc.so.6", {
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
});

/** User and system time of all processes that this one started and that have ended, in microseconds. */
function childTime(): number {
  const usage = new Uint8Array(RUSAGE_SIZE);
  if (libc.symbols.getrusage(RUSAGE_CHILDREN, usage) !== 0) throw new Error("Cannot read the time of child processes");
  const view = new DataView(usage.buffer);
  return [0, 16].reduce((sum, at) => sum + Number(view.getBigInt64(at, true)) * 1e6 + view.getInt32(at + 8, true), 0);
}

/** Runs a program to its end and returns the processor time that it took, user and system, in microseconds. */
export async function processTime(args: readonly string[]): Promise<number> {
  const before = childTime();
  await run(args, "null");
  return childTime() - before;
}
