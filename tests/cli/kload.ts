/** Runs the command line as a process, for what only a process shows: permissions, exit status, streams. */

import { assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** A kernel that loads, by its path. */
export const HELLO: string = pathOf("examples/hello/hello.elf");

/** Runs with the permission to read that kernel alone. Its path is relative, as Deno splits a list of paths at commas. */
export const ONLY_HELLO = { cwd: pathOf("."), permissions: ["--allow-read=examples/hello/hello.elf"] } as const;

/** The path of a file of the project. */
export function pathOf(name: string): string {
  const { pathname } = new URL(name, ROOT);
  return decodeURIComponent(Deno.build.os === "windows" ? pathname.slice(1) : pathname);
}

/** What a run left behind. */
export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run. */
export interface RunOptions {
  /** What standard input gives; nothing. */
  readonly stdin?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The permissions; all. */
  readonly permissions?: readonly string[];
  /** The folder to run in. */
  readonly cwd?: string;
  /** Variables of the environment; NO_COLOR. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts it. */
export function start(
  args: readonly string[],
  { stdin, permissions = ["-A"], cwd, env = { NO_COLOR: "1" } }: RunOptions = {},
): Deno.ChildProcess {
  const flags = ["run", "--no-prompt", "--quiet", "--config", pathOf("deno.json"), ...permissions, pathOf("cli.ts")];
  return new Deno.Command(Deno.execPath(), {
    args: [...flags, ...args],
    stdin: stdin ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
    env: { ...env },
    cwd,
  }).spawn();
}

/** Runs it to its end. */
export async function kload(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = start(args, options);
  // It may end before it has read everything.
  const { stdin } = options;
  const input = stdin instanceof Uint8Array ? new Blob([stdin]).stream() : stdin;
  input?.pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs it with `--json`, before what is passed on to another program, and gives the one object that it has to print. */
export async function kloadJson(
  args: readonly string[],
  options: RunOptions = {},
  // deno-lint-ignore no-explicit-any
): Promise<{ readonly status: number; readonly json: any }> {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const { status, stdout, stderr } = await kload([...args.slice(0, end), "--json", ...args.slice(end)], options);
  assertEquals(stderr, "");
  return { status, json: JSON.parse(stdout) };
}

/** Makes a file in a folder of its own, runs a test with its path, and removes the folder. */
export async function withFile(
  name: string,
  bytes: Uint8Array,
  test: (path: string, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/${name}`, bytes);
    await test(`${folder}/${name}`, folder);
  });
}

/** Runs a test with a folder of its own, and removes that. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kload-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Compresses bytes. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}
