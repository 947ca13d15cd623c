/**
 * Every command line that is shown anywhere works with the permissions that the table in README.md lists for it, and
 * with no fewer: without any of them, the error names that flag.
 */

import { assert, assertEquals } from "@std/assert";
import { type CommandName, COMMANDS } from "../../cli/arguments/command_table.ts";
import { chooseCommand } from "../../cli/arguments/command_table.ts";
import { type Arguments, parseArguments } from "../../cli/arguments/parse_arguments.ts";
import { hasTool } from "../tools.ts";
import { gzip, HELLO, kload, pathOf, type Run, withFolder } from "./kload.ts";

const README = await Deno.readTextFile(pathOf("README.md"));

/** What a row of the table says. */
interface Row {
  readonly commands: readonly CommandName[];
  /** Such as `FILE`, `-` and `--dump FILE`; empty for what a command always needs. */
  readonly argument: string;
  /** Such as `--allow-read=FILE`. */
  readonly flags: readonly string[];
}

const ROWS: readonly Row[] = tableRows(README.split("## Permissions\n")[1].split("\n## ")[0]);

function tableRows(section: string): readonly Row[] {
  const cells = section.split("\n").filter((line) => line.startsWith("| ")).map((line) => {
    return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
  });
  let commands: readonly CommandName[] = [];
  return cells.slice(2).map(([named, argument, permissions]) => {
    if (named !== "") commands = commandsIn(named);
    const flags = permissions.match(/--allow-[a-z]+(=("[^"]*"|[^\s`]+))?/g) ?? [];
    return { commands, argument: codes(argument)[0] ?? "", flags };
  });
}

function codes(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
}

function commandsIn(cell: string): readonly CommandName[] {
  const named = codes(cell);
  const all = Object.keys(COMMANDS) as CommandName[];
  return all.filter((name) => named.includes(name) !== cell.startsWith("all but"));
}

/** The rows that apply to a command line, each with what it applies to. */
function rowsFor(name: CommandName, args: Arguments): readonly { readonly row: Row; readonly value: string }[] {
  return ROWS.filter(({ commands }) => commands.includes(name)).flatMap((row) => {
    return valuesOf(row.argument, name, args).map((value) => ({ row, value }));
  });
}

/** The values of the arguments that a row is about. */
function valuesOf(argument: string, command: CommandName, args: Arguments): readonly string[] {
  if (argument === "") return [""];
  const { values, lists } = args;
  const isUrl = (text: string) => /^https?:/.test(text);
  const [flag, placeholder] = argument.startsWith("-") && argument !== "-" ? argument.split(" ") : ["", argument];
  const name = flag === "-o" ? "output" : flag.replace("--", "");
  const given = flag === "" ? filesOf(command, args) : lists.get(name) ?? [values.get(name) ?? ""];
  return given.filter((value) => {
    if (value === "" || placeholder === "-") return value === "-" && placeholder === "-";
    return value !== "-" && isUrl(value) === (placeholder === "URL" || placeholder.startsWith("http"));
  });
}

/** The files among the operands: next to foreign page tables, an address may be the only one. */
function filesOf(command: CommandName, { source, operands = [], values }: Arguments): readonly string[] {
  if (command === "diff") return [source, ...operands];
  const isAddress = command === "walk" && operands.length === 0 && ["memory", "gdb"].some((flag) => values.has(flag));
  return isAddress ? [] : [source];
}

/** The flags of rows, with what they are for in place of FILE, DIR and HOST. */
function flagsOf(rows: ReturnType<typeof rowsFor>): readonly string[] {
  const flags = rows.flatMap(({ row, value }) => {
    const host = /^https?:/.test(value) ? new URL(value).host : "";
    const folder = value.includes("/") ? value.replace(/\/[^/]*$/, "") : ".";
    return row.flags.map((flag) =>
      flag.replace("=FILE", `=${value}`).replace("=DUMP", `=${value}`).replace("=HOST:PORT", `=${value}`).replace(
        "=DIR",
        `=${folder}`,
      ).replace("=HOST", `=${host}`)
    );
  });
  return [...new Set(flags)];
}

/** Command lines of the documentation and of the help, and some for the rows of the table that these leave out. */
const SHOWN: readonly string[] = [
  ...[
    README,
    ...["boot", "check", "errors", "json", "paging", "plugins"].map((name) =>
      Deno.readTextFileSync(pathOf(`docs/${name}.md`))
    ),
  ]
    .flatMap((text) => [...text.matchAll(/^```(?:sh|console)\n([\s\S]*?)^```/gm)].map(([, block]) => block))
    .flatMap((block) => [...block.matchAll(/^(?:\$ )?((?:\w+ .*\| )?kload .*)$/gm)].map(([, line]) => line)),
  ...Object.values(COMMANDS).flatMap(({ examples }) => examples.map(([line]) => line)),
  "kload load kernel.elf.gz --json",
  "kload load kernel.elf --plugin https://example.com/mine.ts",
  "kload image kernel.elf --ramdisk initrd.img -o boot.elf --json",
  "kload run kernel.elf --ramdisk initrd.img --plugin ./mine.ts",
  "cat kernel.elf | kload dump --core --ramdisk initrd.img --plugin ./mine.ts -o kernel.core -",
  "kload plugins --json --plugin ./mine.ts",
  "kload inspect kernel.elf -v",
  "kload --help",
  "kload --version",
  "kload help run",
  "kload explain tls-repeated --json",
];

/** A shell's commands in front of `kload`, which may be missing, and kload itself with permissions of the test's. */
const SHELL = `
zstdcat() { cat kernel.elf; }
curl() { cat kernel.elf; }
kload() { eval '"$DENO" run --no-prompt --quiet --no-lock --config "$CONFIG" '"$PERMISSIONS"' "$CLI" "$@"'; }
`;

/** A kernel that README shows the death of. */
const DYING = "tests/fixtures/faults/recursion/kernel.elf";

/** What a command line is run in: a folder with every file that is named, and a server with the same files. */
interface World {
  readonly folder: string;
  readonly origin: string;
}

async function inWorld(test: (world: World) => Promise<void>): Promise<void> {
  const hello = await Deno.readFile(HELLO);
  const pie = await Deno.readFile(pathOf("examples/hello/hello-pie.elf"));
  const broken = await Deno.readFile(pathOf("tests/fixtures/original/corpus/align-7-ok.elf"));
  const mine = new TextEncoder().encode(`export const plugin = { name: "mine", handlers: [] };\n`);
  const files = new Map<string, Uint8Array<ArrayBuffer>>([
    ...["kernel.elf", "examples/hello/hello.elf", "initrd.img"].map((name) => [name, hello] as const),
    ...["kernel.elf.gz", "vmlinux.gz"].map((name) => [name, gzipped] as const),
    ...["pie.elf", "examples/hello/hello-pie.elf"].map((name) => [name, pie] as const),
    ["old.elf", hello],
    ["new.elf", pie],
    ["broken.elf", broken],
    [DYING, await Deno.readFile(pathOf(DYING))],
    ["mine.ts", mine],
  ]);
  await withFolder(async (folder) => {
    for (const path of ["examples/hello", DYING.replace(/\/[^/]*$/, "")]) {
      await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    }
    for (const name of ["memory.bin", "before.bin", "after.bin"]) {
      await kload([HELLO, "--level4-frame", "0x1000", "--dump", `${folder}/${name}`]);
    }
    await Deno.mkdir(`${folder}/temporary files`);
    await Deno.mkdir(`${folder}/made`);
    for (const [name, bytes] of files) await Deno.writeFile(`${folder}/${name}`, bytes);
    await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      const name = new URL(request.url).pathname.slice(1);
      const headers = { "content-type": name.endsWith(".ts") ? "text/typescript" : "application/octet-stream" };
      return new Response(files.get(name), { headers });
    });
    await test({ folder, origin: `http://127.0.0.1:${server.addr.port}` });
  });
}

const gzipped = await gzip(await Deno.readFile(HELLO));

async function run({ folder }: World, line: string, permissions: readonly string[]): Promise<Run> {
  const command = new Deno.Command("sh", {
    args: ["-c", `${SHELL}${line}`],
    cwd: folder,
    stdin: "null",
    clearEnv: true,
    env: {
      ...Object.fromEntries(["PATH", "HOME", "DENO_DIR"].map((name) => [name, Deno.env.get(name) ?? ""])),
      DENO: Deno.execPath(),
      CLI: pathOf("cli.ts"),
      CONFIG: pathOf("deno.json"),
      PERMISSIONS: permissions.join(" "),
      TMPDIR: `${folder}/temporary files`,
      NO_COLOR: "1",
      FORCE_COLOR: "1",
      COLUMNS: "60",
      TERM: "xterm",
    },
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { status: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A line as it can be run here: a guest that waits for a debugger ends after a while. */
function runnable(line: string, { origin }: World): string {
  return line.replaceAll("https://example.com", origin).replaceAll("~/", "./").replace("--gdb", "--gdb --timeout 1")
    .replace(/(-o|--dump) /, "$1 made/"); // in a folder of its own, whose permission gives no other
}

function parsed(line: string): { readonly name: CommandName; readonly args: Arguments } | undefined {
  const words = line.replace(/^.*\| /, "").replace(/\s+#.*$/, "").split(/\s+/).slice(1);
  if (/^(help$|--help$|--version$)/.test(words[0])) return undefined;
  const { name, own } = chooseCommand(words);
  return { name, args: parseArguments(COMMANDS[name], own) };
}

const isTested = (line: string): boolean => {
  if (/--gdb \S+:\d|memory\.core/.test(line)) return false; // there is no guest, and no dump of one
  return parsed(line)?.name !== "run" || hasTool("qemu-system-x86_64");
};

Deno.test("every row of README's table of permissions is about a command line that is shown", () => {
  const used = new Set(
    SHOWN.map(parsed).flatMap((found) => {
      return found ? rowsFor(found.name, found.args).map(({ row }) => row) : [];
    }),
  );
  assert(SHOWN.length > 30, "the documentation shows command lines");
  assertEquals(ROWS.filter((row) => !used.has(row)), []);
});

Deno.test("command lines need the permissions that README lists, and the error of a missing one names it", async (t) => {
  const seen = new Set<string>();
  for (const shown of new Set(SHOWN.filter(isTested))) {
    await t.step(shown, () =>
      inWorld(async (world) => {
        const line = runnable(shown, world);
        const found = parsed(line);
        const rows = found ? rowsFor(found.name, found.args) : [];
        const flags = flagsOf(rows);
        const expected = line.includes("broken.elf") ? 1 : line.includes(DYING) ? 3 : line.includes("--gdb") ? 124 : 0;
        const given = await run(world, line, flags);
        // kload diff says by its status whether there are differences.
        const isDone = found?.name === "diff" ? given.status <= 1 : given.status === expected;
        assert(isDone, `status ${given.status} with ${flags.join(" ")}: ${given.stderr}`);

        const kind = `${found?.name} ${rows.map(({ row }) => row.argument).join()}`;
        if (seen.has(kind)) return;
        seen.add(kind);
        const outcome = ({ status, stdout }: Run) => ({ status, stdout });
        const all = await run(world, line, ["-A"]);
        assertEquals(outcome(given), outcome(all), "with these permissions it does the same as with all");
        for (const missing of flags) {
          const others = flags.filter((flag) => flag !== missing);
          const { status, stderr, stdout } = await run(world, line, others);
          const said = `${stderr}${stdout}`.match(/Give Deno the permission:\s+(--.*?)(?="\}|$)/m)?.[1];
          const failed = found?.name === "diff" ? 3 : 1;
          assertEquals([status, said?.replaceAll('\\"', '"')], [failed, missing], `without ${missing}: ${stderr}`);
          const again = await run(world, line, [...others, said!.replaceAll('\\"', '"')]);
          assertEquals(outcome(again), outcome(all), `with ${said}`);
        }
      }));
  }
});

Deno.test("FORCE_COLOR is heard with its permission, and not missed without", () =>
  inWorld(async (world) => {
    const line = "NO_COLOR= kload load kernel.elf";
    const colored = await run(world, line, ["--allow-read=kernel.elf", "--allow-env=FORCE_COLOR"]);
    const plain = await run(world, line, ["--allow-read=kernel.elf"]);
    assert(colored.stdout.includes("\x1b["));
    assertEquals(plain, await run(world, "kload load kernel.elf", ["-A"]));
    assert(!plain.stdout.includes("\x1b["));
  }));

Deno.test("a file that a plugin imports is named, and so is what its code reads", () =>
  inWorld(async (world) => {
    await Deno.writeTextFile(`${world.folder}/outer.ts`, `export { plugin } from "./mine.ts";\n`);
    await Deno.writeTextFile(`${world.folder}/reads.ts`, `Deno.env.get("X");\nexport { plugin } from "./mine.ts";\n`);
    const hint = async (line: string, flags: readonly string[]) =>
      (await run(world, line, flags)).stderr.split("\n")[2];
    const path = await Deno.realPath(`${world.folder}/mine.ts`);
    const outer = "kload plugins --plugin outer.ts";
    assertEquals(await hint(outer, ["--allow-read=outer.ts"]), `  --allow-read=${path}`);
    assertEquals((await run(world, outer, ["--allow-read=outer.ts", `--allow-read=${path}`])).status, 0);
    const reads = ["--allow-read=reads.ts,mine.ts"];
    assertEquals(await hint("kload plugins --plugin reads.ts", reads), "  --allow-env=X");
    assertEquals((await run(world, "kload plugins --plugin reads.ts", [...reads, "--allow-env=X"])).status, 0);
  }));
