/** Files like those that people have: what each command says they are, and that nothing false is said of them. */

import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { testWithTools } from "../tools.ts";
import { kload as run, kloadJson as runJson, pathOf, type RunOptions, withFile, withFolder } from "./kload.ts";

/** Paths are relative to the project, so that they are short wherever it lies. */
const IN_PROJECT = { cwd: pathOf(".") };

const kload = (args: readonly string[], options: RunOptions = {}) => run(args, { ...IN_PROJECT, ...options });
const kloadJson = (args: readonly string[], options: RunOptions = {}) => runJson(args, { ...IN_PROJECT, ...options });

function fieldFile(name: string): string {
  return `tests/fixtures/field/${name}`;
}

/** One line, so that a wrapped sentence is found. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

/** Files that are not ELF: their format, what names them, and what helps. */
const FOREIGN: readonly (readonly [name: string, format: string, description: string, hint: string])[] = [
  ["archive.a", "ar", "static library (ar)", "ar x "],
  ["arm64-Image", "arm64-image", "raw arm64 kernel image", "build it for x86-64"],
  ["bootimage.bin", "boot-sector", "boot sector", "the ELF kernel that it was made from"],
  ["README.md", "text", "text", "ELF file"],
];

for (const [name, format, description, hint] of FOREIGN) {
  Deno.test(`inspect and load name ${name}`, async () => {
    const path = fieldFile(name);
    const report = await kload(["inspect", path]);
    assertEquals([report.status, report.stderr], [0, ""]);
    assertStringIncludes(report.stdout, `${path}: ${description}`);
    const { status, json } = await kloadJson(["inspect", path]);
    assertEquals([status, json.format, json.protocols, json.objection.code], [0, format, [], "not-elf"]);
    assertEquals([json.machine, json.fileHeader, json.inside], [undefined, undefined, undefined]);
    assertStringIncludes(json.description, description);
    for (const command of [["load"], ["image", "-o", "never.elf"], ["dump", "--core", "-o", "never.core"], ["run"]]) {
      const refused = await kload([...command, path]);
      assertEquals([refused.status, refused.stdout], [1, ""]);
      assertStringIncludes(
        flat(refused.stderr),
        `error[not-elf]: Cannot load the file, which is not ELF: ${description}`,
      );
      assertStringIncludes(flat(refused.stderr), hint);
      assertFalse(/magic number|note:/.test(refused.stderr), refused.stderr);
    }
    const { json: { error } } = await kloadJson(["load", path]);
    assertEquals([error.code, error.format, error.acceptedBy], ["not-elf", format, []]);
    assertStringIncludes(error.hint, hint);
  });
}

/** Compressed kernels: the format, and what is said of it. */
const COMPRESSED: readonly (readonly [name: string, format: string])[] = [
  ["kernel.elf.xz", "xz"],
  ["kernel.elf.zst", "zstd"],
  ["kernel.elf.lz4", "lz4"],
];

for (const [name, format] of COMPRESSED) {
  Deno.test(`inspect says what ${name} holds, and load loads that`, async () => {
    const path = fieldFile(name);
    const said = "boot protocol Limine: base revision 2, 1 request (framebuffer)";
    const report = await kload(["inspect", path]);
    assertEquals([report.status, report.stderr], [0, ""]);
    const headline = `${name}: ELF64 EXEC x86-64, nothing in its headers to refuse`;
    assertStringIncludes(flat(report.stdout), `${headline} unpacked from ${format} data ${said}`);
    const { json } = await kloadJson(["inspect", path]);
    assertEquals([json.format, json.machine, json.protocols, json.objection], [format, undefined, [], null]);
    const { inside } = json;
    assertEquals([inside.format, inside.machine, inside.class, inside.endian], ["elf", "x86-64", "ELF64", "little"]);
    assertEquals([inside.protocols[0].name, inside.fileHeader.e_entry], ["limine", "0xffffffff80001000"]);
    assertEquals(json.bytesRead, (await Deno.stat(path)).size);
    const loaded = await kload(["load", path]);
    assertEquals([loaded.status, loaded.stderr], [0, ""]);
    assertStringIncludes(flat(loaded.stdout), `8,236 bytes read unpacked from ${format} data ${said}`);
    const kernel = (await kloadJson(["load", path])).json;
    assertEquals([kernel.format, kernel.protocols.length], [format, 1]);
  });
}

Deno.test("inspect and load name a bzImage without a kernel in it", async () => {
  const path = fieldFile("bzimage-named-vmlinux");
  const { status, json } = await kloadJson(["inspect", path]);
  assertEquals([status, json.format, json.inside], [0, "bzimage", undefined]);
  assertEquals(json.protocols.map(({ summary }: { readonly summary: string }) => summary), [
    "Linux: bzImage, boot protocol 2.15",
  ]);
  const refused = await kload(["load", path]);
  assertEquals(refused.status, 1);
  assertStringIncludes(flat(refused.stderr), "which is not ELF: Linux kernel image (bzImage), boot protocol 2.15");
});

/** Kernels for other loaders: the protocol, where its header lies, and what is said of it. */
const PROTOCOLS: readonly (readonly [name: string, protocol: string, offset: number, said: string])[] = [
  ["limine.elf", "limine", 0x1000, "Limine: base revision 2, 1 request (framebuffer)"],
  ["limine-duplicate-request.elf", "limine", 0x1000, "Limine: base revision 2, 2 requests (framebuffer, framebuffer)"],
  [
    "multiboot2-32bit-entry.elf",
    "multiboot2",
    0x78,
    "Multiboot 2: header at file offset 0x78; its entry at 0x100018 is 32-bit",
  ],
];

for (const [name, protocol, at, said] of PROTOCOLS) {
  Deno.test(`inspect, load and image recognize the boot protocol of ${name}`, async () => {
    const path = fieldFile(name);
    await withFolder(async (folder) => {
      for (
        const args of [["inspect"], ["load"], ["image", "-o", `${folder}/a`]]
      ) {
        const { status, stdout } = await kload([...args, path]);
        assertEquals([status, flat(stdout).split(said).length], [0, 2], stdout);
        const { json } = await kloadJson([...args, path]);
        assertEquals(json.format, "elf");
        assertEquals(
          json.protocols.map(({ name, offset }: { readonly name: string; readonly offset: number }) => [name, offset]),
          [
            [protocol, at],
          ],
        );
      }
    });
    const stdin = await Deno.readFile(pathOf(path));
    assertStringIncludes(flat((await kload(["load", "-"], { stdin })).stdout), said);
  });
}

Deno.test("a kernel whose Multiboot header lies too far from its start is not said to be one for Multiboot", async () => {
  for (const command of ["inspect", "load"]) {
    const path = fieldFile("multiboot-header-too-far.elf");
    assertFalse((await kload([command, path])).stdout.includes("boot protocol"));
    assertEquals((await kloadJson([command, path])).json.protocols, []);
  }
});

testWithTools(["qemu-system-x86_64"], "run says first what a kernel expected that did not get it", async () => {
  const dying: readonly (readonly [string, number, string])[] = [
    [
      "multiboot2-32bit-entry.elf",
      3,
      "run[guest-reset]: Multiboot 2: header at file offset 0x78; its entry at 0x100018",
    ],
    [
      "entry-is-physical.elf",
      3,
      "run[guest-reset]: The entry point 0x1000000 is a physical address, in the p_paddr range",
    ],
    ["limine.elf", 1, "run[halted]: Limine: base revision 2, 1 request (framebuffer). kload does not follow this"],
  ];
  for (const [name, status, said] of dying) {
    const died = await kload(["run", "--timeout", "5", fieldFile(name)]);
    assertEquals(died.status, status, died.stderr);
    assertStringIncludes(died.stderr.replaceAll(/\s+/g, " "), `${said} `);
  }
});

/** Files for other machines: class, machine, and what the message adds to the number. */
const MACHINES: readonly (readonly [name: string, fileClass: string, machine: string, named: string])[] = [
  ["machine-aarch64.elf", "ELF64", "AArch64", "e_machine is 0xb7 (AArch64), not EM_X86_64 (0x3e)"],
  ["machine-riscv32.elf", "ELF32", "RISC-V", "EI_CLASS is 0x1 (ELF32, for RISC-V), not a supported class"],
  ["machine-i386mb.elf", "ELF32", "i386", "EI_CLASS is 0x1 (ELF32, for i386), not a supported class"],
];

for (const [name, fileClass, machine, named] of MACHINES) {
  Deno.test(`inspect and load name the machine of ${name}, and advise nothing for x86-64`, async () => {
    const path = fieldFile(name);
    const { status, json } = await kloadJson(["inspect", path]);
    assertEquals([status, json.format, json.class, json.machine, json.endian], [
      0,
      "elf",
      fileClass,
      machine,
      "little",
    ]);
    assertEquals([json.fileHeader.e_entry, json.programHeaders.length], ["0x100000", 1]);
    const refused = await kload(["load", path]);
    assertEquals(refused.status, 1);
    for (const text of [refused.stderr, (await kload(["inspect", path])).stdout]) {
      assertStringIncludes(flat(text), named);
      assertStringIncludes(flat(text), "kload loads 64-bit kernels for x86-64");
      assertFalse(/-m64|would accept|Build the kernel for/.test(text), text);
    }
  });
}

Deno.test("a 32-bit kernel for Multiboot is recognized as one", async () => {
  const path = fieldFile("machine-i386mb.elf");
  const { json } = await kloadJson(["inspect", path]);
  assertEquals(
    json.protocols.map(({ name, offset }: { readonly name: string; readonly offset: number }) => [name, offset]),
    [
      ["multiboot", 0x1000],
    ],
  );
  const { stderr } = await kload(["load", path]);
  assertStringIncludes(
    flat(stderr),
    "This one is made for Multiboot 1; to see what its loaders do with it:",
  );
  assert(stderr.endsWith(`  kload check ${path}\n`), stderr);
});

Deno.test("a relocatable object and a file without code get the hint alone", async () => {
  const object = await kload(["load", fieldFile("object.o")]);
  assertEquals(object.status, 1);
  assertStringIncludes(flat(object.stderr), "e_type is 0x1 (REL), neither ET_EXEC (0x2) nor ET_DYN (0x3)");
  assertStringIncludes(object.stderr, "hint: It is a relocatable object (.o): link it first.\n");
  assertStringIncludes((await kload(["inspect", fieldFile("object.o")])).stdout, "object.o: ELF64 REL x86-64, ");
  const empty = await kload(["load", fieldFile("no-text.elf")]);
  assertStringIncludes(flat(empty.stderr), "hint: The linker found nothing to load: check that the linker script");
  for (const { stderr } of [object, empty]) assertFalse(stderr.includes("note:"), stderr);
});

Deno.test("a user program is said to be one first, whether it is refused or loads", async () => {
  const path = fieldFile("user-pie.elf");
  const said = `a user program: it names the interpreter "/lib64/ld-linux-x86-64.so.2"`;
  const refused = await kload(["load", path]);
  assertEquals(refused.status, 1);
  assert(flat(refused.stderr).startsWith(`${path}: ${said}, not loaded error[symbol-undefined]`), refused.stderr);
  assertStringIncludes(refused.stderr, "hint: It is a user program, which needs a dynamic linker.");
  assertFalse(refused.stderr.includes("A kernel has no dynamic linker"));
  for (const rules of [["--no-plugin", "relocate"], ["--rules", "bootloader-0.10"]]) {
    const loaded = await kload(["load", path, ...rules]);
    assertEquals(loaded.status, 0, loaded.stderr);
    assert(flat(loaded.stdout).startsWith(`${path}: ${said}, loads`), loaded.stdout);
  }
  assert(flat((await kload(["inspect", path])).stdout).startsWith(`${path}: ${said}, ELF64 DYN x86-64`));
  assertEquals((await kloadJson(["inspect", path])).json.interpreter, "/lib64/ld-linux-x86-64.so.2");
});

Deno.test("of an entry point that is a physical address, load says which loaders it is for, and run that it is one", async () => {
  const path = fieldFile("entry-is-physical.elf");
  for (const [command, status] of [["load", 0], ["inspect", 0]] as const) {
    const report = await kload([command, path]);
    assertEquals(report.status, status);
    assertStringIncludes(flat(report.stdout), "It lies in the p_paddr range of program header 0.");
    assertStringIncludes(flat(report.stdout), "Multiboot and PVH enter with paging off");
    assertFalse(report.stdout.includes("Check ENTRY"));
  }
});

Deno.test("a kernel that was linked in the higher half as PIE is placed at the address that its report names", async () => {
  const path = fieldFile("pie-higher-half.elf");
  const { json } = await kloadJson(["load", path]);
  const addresses = JSON.stringify(json).match(/"0x[0-9a-f]+"/g) ?? [];
  for (const address of addresses) assert(BigInt(address.slice(1, -1)) < 1n << 64n, address);
  const again = await kloadJson(["load", path, "--kernel-base", json.virtualAddressOffset]);
  assertEquals([again.status, again.json.memorySha256], [0, json.memorySha256]);
  const [base] = (await kload(["load", path])).stdout.match(/(?<=kernel base +)0x[0-9a-f]+/) ?? [];
  assertEquals(base, json.virtualAddressOffset);
});

Deno.test("that p_paddr is ignored is mentioned with -v alone", async () => {
  const path = fieldFile("at-higher-half.elf");
  for (const command of ["load", "inspect"]) {
    const quiet = await kload([command, path]);
    assertEquals([quiet.status, /remark|physical-address-ignored/.test(quiet.stdout)], [0, false], quiet.stdout);
    assertStringIncludes((await kload([command, path, "-v"])).stdout, "info[physical-address-ignored]");
  }
});

Deno.test("rules that place other bytes at an address than the file asks for say so", async () => {
  // These rules refuse a segment that ends with the file, so it gets one byte more.
  const bytes = new Uint8Array([...await Deno.readFile(pathOf(fieldFile("offset-mismatch.elf"))), 0]);
  await withFile("offset-mismatch.elf", bytes, async (path) => {
    for (const rules of ["bootloader-0.10", "bootloader-0.11"]) {
      const { json } = await kloadJson(["load", path, "--rules", rules]);
      const found = json.diagnostics.find(({ code }: { readonly code: string }) => code === "bytes-misplaced");
      assertEquals([found?.severity, found?.index, found?.addresses], ["warning", 0, ["0x180000"]]);
      assertStringIncludes(found.message, "p_vaddr 0x180000 and p_offset 0x90");
    }
    const { json } = await kloadJson(["load", path]);
    assertEquals(json.diagnostics.map(({ code }: { readonly code: string }) => code), ["segment-copied"]);
  });
});

Deno.test("segments that share a page are merged, with two remarks", async () => {
  const { stdout } = await kload(["load", fieldFile("page-shared.elf")]);
  assertStringIncludes(stdout, "page-shared.elf: loads, 2 warnings\n");
  assertEquals(stdout.match(/warning\[pages-merged\]/g)?.length, 2);
});
