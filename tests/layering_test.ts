/** Imports go one way, and only the command line, tests and benchmarks touch Deno: read from the sources themselves. */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** What anyone outside imports the library by; they only re-export. */
const DOORS: readonly string[] = ["mod.ts", "core/stages/mod.ts", "core/paging/mod.ts"];

/** The doors of rooms that have one of their own: nothing in the room, or on a lower floor, needs them. */
const ROOM_DOORS: readonly string[] = ["formats/mod.ts", "protocols/mod.ts", "loaders/mod.ts", "explain/mod.ts"];

/** The floors, lowest first: the rooms on each do not know one another, but files in a room may. */
const FLOORS: readonly (readonly RegExp[])[] = [
  [/^core\/(errors|error_details|error_texts|hex|rules|diagnostics|random)\.ts$/],
  [/^core\/memory\//],
  [/^core\/elf\//, /^core\/paging\//, /^core\/intake\//],
  [/^core\/file\//],
  [/^core\/address_space\//],
  [/^core\/pipeline\//],
  [/^core\/stages\//],
  [/^core\/plugin\//],
  [/^core\/(load_kernel|loaded_kernel|read_headers)\.ts$/],
  [/^plugins\//, /^formats\//],
  [/^boot\//],
  [/^protocols\//],
  [/^loaders\//],
  [/^explain\/(binary_search|radix_sort|wording)\.ts$/],
  [/^explain\/tables\//, /^explain\/file\//],
  [/^explain\/explained\.ts$/, /^explain\/symbols\//, /^explain\/relocations\//],
  [/^explain\/snapshot\.ts$/, /^explain\/instructions\//, /^explain\/map\//, /^explain\/address\//],
  [/^explain\/diff\//, /^explain\/fault\//],
  [/^explain\/mod\.ts$/],
  [new RegExp(`^(${DOORS.map((door) => RegExp.escape(door)).join("|")})$`)],
  [/^cli\/output\//],
  [/^cli\/arguments\//, /^cli\/input\//],
  [/^cli\/report\//],
  [/^cli\/qemu\//],
  [/^cli\/commands\//],
  [/^cli\/main\.ts$/],
  [/^cli\.ts$/],
];

/** The only packages that core, plugins and boot may import. */
const CORE_PACKAGES = /^@std\/(bytes|streams)(\/|$)/;

/** An import or re-export of another source file. */
interface Import {
  readonly target: string;
  /** Whether it vanishes when types are stripped. */
  readonly isType: boolean;
}

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.isDirectory) yield* sources(`${path}/`);
    else if (path.endsWith(".ts")) yield path;
  }
}

const FILES = [
  "mod.ts",
  "cli.ts",
  ...["core/", "plugins/", "formats/", "boot/", "protocols/", "loaders/", "explain/", "cli/"].flatMap((
    room,
  ) => [...sources(room)]),
];

function codeOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT)).replace(/\/\*[\s\S]*?\*\/|\/\/ .*$/gm, "");
}

/** What a file imports, by the specifiers as they are written. */
function specifiersOf(path: string): readonly { readonly specifier: string; readonly isType: boolean }[] {
  const statements = codeOf(path).matchAll(
    /^\s*(?:import|export)\b([\w$*\s{},]*?)(?:\bfrom\s*|(?<=import\s*))"([^"]+)"/gm,
  );
  const named = [...statements].map(([, clause, specifier]) => {
    const names = clause.match(/\{([^}]*)\}/)?.[1].split(",").map((name) => name.trim()).filter(Boolean) ?? [];
    const isType = /^\s*type\b/.test(clause) || (names.length > 0 && names.every((name) => name.startsWith("type ")));
    return { specifier, isType };
  });
  const dynamic = [...codeOf(path).matchAll(/\bimport\(\s*"([^"]+)"/g)].map(([, specifier]) => ({
    specifier,
    isType: false,
  }));
  return [...named, ...dynamic];
}

function importsOf(path: string): readonly Import[] {
  return specifiersOf(path).filter(({ specifier }) => specifier.startsWith(".")).map(({ specifier, isType }) => {
    return { target: new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length), isType };
  }).filter(({ target }) => target.endsWith(".ts"));
}

function placeOf(path: string): { readonly floor: number; readonly room: string } {
  const isDoor = DOORS.includes(path);
  const floor = FLOORS.findIndex((rooms) =>
    rooms.some((room) => room.test(path)) && (!isDoor || rooms[0].test("mod.ts"))
  );
  return { floor, room: String(FLOORS[floor]?.find((room) => room.test(path))) };
}

/**
 * What a file is a part of: plugins/relocate.ts and all in plugins/relocate/ are one plugin; so with stages, boot and
 * protocols.
 */
function unitOf(path: string): string {
  return path.replace(/^((?:core\/stages|plugins|boot|protocols)\/[^/.]+).*$/, "$1");
}

/** The protocols, by the list of all. */
const PROTOCOLS = importsOf("protocols/all_protocols.ts").filter(({ isType }) => !isType).map(({ target }) => {
  return unitOf(target);
});

/** The tables of loaders, by the list of all. */
const TABLES = importsOf("loaders/all_loaders.ts").filter(({ isType }) => !isType).map(({ target }) => target);

/** The imports of these files that fail a test, as sentences. */
function faults(inside: RegExp, isFault: (path: string, imported: Import) => boolean): readonly string[] {
  return FILES.filter((path) => inside.test(path)).flatMap((path) => {
    return importsOf(path).filter((each) => isFault(path, each)).map(({ target }) => `${path} imports ${target}`);
  });
}

Deno.test("every source file has a floor, and every room has files", () => {
  for (const path of FILES) assert(placeOf(path).floor >= 0, `${path} stands on no floor`);
  for (const room of FLOORS.flat()) assert(FILES.some((path) => room.test(path)), `nothing is in ${room}`);
});

Deno.test("imports are found, whatever their form", () => {
  assert(FILES.flatMap(importsOf).length > FILES.length * 3);
  assertEquals(importsOf("cli.ts").map(({ target, isType }) => [target, isType]), [["cli/main.ts", false]]);
  const found = importsOf("core/loaded_kernel.ts");
  assert(found.length > 10 && found.every(({ isType }) => isType));
});

Deno.test("imports go down, never up or sideways", () => {
  assertEquals(
    faults(/./, (path, { target }) => {
      const [here, there] = [placeOf(path), placeOf(target)];
      return there.floor > here.floor || (there.floor === here.floor && here.room !== there.room);
    }),
    [],
  );
});

Deno.test("no stage imports a stage: what two of them need lies in another room", () => {
  const shared = /^core\/stages\/(load_diagnostics|default_pipeline|mod)\.ts$/;
  assertEquals(
    faults(/^core\/stages\//, (path, { target }) => {
      return !shared.test(path) && !shared.test(target) && /^core\/stages\//.test(target) &&
        unitOf(path) !== unitOf(target);
    }),
    [],
  );
});

Deno.test("no plugin imports a plugin, and nothing that adds to a kernel another that does, except for types", () => {
  const adds =
    /^boot\/(kernel_stack|direct_map|identity_map|recursive_entry|framebuffer|ramdisk|boot_info|context_switch)\b/;
  assertEquals(
    faults(/^(plugins|boot)\//, (path, { target, isType }) => {
      const areNeighbours = [/^plugins\//, adds].some((room) => room.test(path) && room.test(target));
      return areNeighbours && !isType && unitOf(path) !== unitOf(target) && path !== "plugins/presets.ts";
    }),
    [],
  );
});

Deno.test("no protocol imports a protocol: what two of them need lies next to them", () => {
  assertEquals(PROTOCOLS.length, 11);
  assertEquals(
    faults(/^protocols\//, (path, { target }) => {
      const [from, to] = [unitOf(path), unitOf(target)];
      return from !== to && PROTOCOLS.includes(to) && path !== "protocols/all_protocols.ts" &&
        path !== "protocols/mod.ts";
    }),
    [],
  );
});

Deno.test("no loader's table is imported but by the list of all: what two loaders need lies in a folder of theirs", () => {
  assertEquals(TABLES.length, 11);
  assertEquals(
    faults(/^loaders\//, (path, { target }) => TABLES.includes(target) && path !== "loaders/all_loaders.ts"),
    [],
  );
});

Deno.test("no family of loaders imports another, nor findings, which may look at what a family sees", () => {
  const familyOf = (path: string): string | undefined =>
    /^loaders\/(bootloader|grub|limine|openvmm|qemu|vmm|findings)\//.exec(path)?.[1];
  assertEquals(
    faults(/^loaders\/(?!findings\/)/, (path, { target }) => {
      const [from, to] = [familyOf(path), familyOf(target)];
      return from !== undefined && to !== undefined && from !== to;
    }),
    [],
  );
});

Deno.test("a room's door is for what stands above it, and lists of protocols and loaders are for those who ask all", () => {
  const roomOf = (path: string): string => path.split("/", 1)[0];
  assertEquals(
    faults(/./, (path, { target }) => ROOM_DOORS.includes(target) && roomOf(path) === roomOf(target)),
    [],
  );
  assertEquals(
    FILES.filter((path) => importsOf(path).some(({ target }) => target === "protocols/all_protocols.ts")),
    ["protocols/recognize.ts"],
  );
});

Deno.test("no file imports itself by way of others", () => {
  const graph = new Map(FILES.map((path) => [path, importsOf(path).map(({ target }) => target)]));
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" → "));
    if (way.includes(path) || finished.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
    finished.add(path);
  };
  for (const path of FILES) visit(path, []);
  assertEquals(circles, []);
});

Deno.test("core, plugins and boot import no package but @std/bytes and @std/streams", () => {
  const others = FILES.filter((path) => /^(core|plugins|boot)\//.test(path)).flatMap((path) => {
    return specifiersOf(path).filter(({ specifier }) => !specifier.startsWith(".") && !CORE_PACKAGES.test(specifier))
      .map(({ specifier }) => `${path} imports ${specifier}`);
  });
  assertEquals(others, []);
});

/** What unpacks, each by the file that wraps it. */
const FORMAT_PACKAGES: readonly string[] = [
  "formats/bzip2/unpack_bzip2.ts imports unbzip2-stream/lib/bit_iterator.js",
  "formats/bzip2/unpack_bzip2.ts imports unbzip2-stream/lib/bzip2.js",
  "formats/gzip/inflate.ts imports node:zlib",
  "formats/gzip/member_header.ts imports node:zlib",
  "formats/lz4/unpack_lz4.ts imports xxhash-wasm",
  "formats/xz/liblzma.ts imports node-liblzma/wasm",
  "formats/xz/liblzma.ts imports node-liblzma/wasm/liblzma.js",
  "formats/zstd/libzstd.ts imports zstddec/stream",
];

Deno.test("formats, protocols and loaders import no packages but those that unpack, and these only when needed", () => {
  const found = FILES.filter((path) => /^(formats|protocols|loaders)\//.test(path)).flatMap((path) => {
    return specifiersOf(path).filter(({ specifier }) => !specifier.startsWith(".")).map(({ specifier }) => {
      return `${path} imports ${specifier}`;
    });
  });
  assertEquals(found.sort(), FORMAT_PACKAGES);
  const decoders = /^formats\/(bzip2|gzip|lz4|lzma|xz|zstd)\//;
  const lines = codeOf("formats/decoders.ts").match(/.*"\.\/(bzip2|gzip|lz4|lzma|xz|zstd)\/.*/g) ?? [];
  assertEquals([lines.length, lines.filter((line) => !line.includes("await import("))], [8, []]);
  assertEquals(
    faults(/./, (path, { target }) => {
      return decoders.test(target) && !decoders.test(path) && path !== "formats/decoders.ts";
    }),
    [],
  );
});

Deno.test("the code of liblzma is imported in the version that deno.json names", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  const text = Deno.readTextFileSync(new URL("cli/input/liblzma_wasm.js", ROOT));
  assertEquals(text.match(/import\.source\("(.*)\/wasm\/liblzma\.wasm"\)/)?.[1], imports["node-liblzma"]);
});

Deno.test("only the command line touches Deno", () => {
  const faults = FILES.filter((path) => !path.startsWith("cli")).filter((path) => {
    return /\bDeno\./.test(codeOf(path).replace(/"[^"\n]*"/g, '""')); // a text may speak of it
  });
  assertEquals(faults, []);
});

Deno.test("no source file has more than 400 lines", () => {
  const long = FILES.filter((path) => Deno.readTextFileSync(new URL(path, ROOT)).split("\n").length > 401);
  assertEquals(long, []);
});
