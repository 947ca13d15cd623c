/** What is right for files that people have: tests/fixtures/field/README.md. */

import { assert, assertEquals } from "@std/assert";
import { checkKernel, type CheckReport } from "../../loaders/mod.ts";
import { loadKernel } from "../../mod.ts";

const FIELD = new URL("../fixtures/field/", import.meta.url);

async function check(name: string): Promise<CheckReport> {
  return await checkKernel(await Deno.readFile(new URL(name, FIELD)));
}

/** What a file is, what kload makes of it, and what is remarkable about it. */
interface Right {
  readonly format?: CheckReport["format"];
  readonly inside?: CheckReport["format"];
  /** The boot protocols that it, or what is in it, is made for. */
  readonly protocols?: readonly string[];
  /** Why kload does not boot it. */
  readonly rule?: string;
  readonly outcome?: "boots" | "refuses" | "fails";
  /** General findings, in order. */
  readonly findings?: readonly string[];
}

const RIGHT: Readonly<Record<string, Right>> = {
  "archive.a": { format: "ar", outcome: "refuses", rule: "not-elf" },
  "arm64-Image": { format: "arm64-image", outcome: "refuses", rule: "not-elf" },
  "bootimage.bin": { format: "boot-sector", outcome: "refuses", rule: "not-elf" },
  "bzimage-named-vmlinux": { format: "bzimage", protocols: ["linux"], outcome: "refuses", rule: "not-elf" },
  "kernel.elf.xz": { format: "xz", inside: "elf", protocols: ["limine"] },
  "kernel.elf.zst": { format: "zstd", inside: "elf", protocols: ["limine"] },
  "kernel.elf.lz4": { format: "lz4", inside: "elf", protocols: ["limine"] },
  "machine-aarch64.elf": { protocols: ["multiboot"], outcome: "refuses", rule: "machine-unsupported" },
  "machine-riscv32.elf": { protocols: ["multiboot"], outcome: "refuses", rule: "class-unsupported" },
  "machine-i386mb.elf": { protocols: ["multiboot"], outcome: "refuses", rule: "class-unsupported" },
  "object.o": { outcome: "refuses", rule: "type-unsupported", findings: ["nothing-to-load"] },
  "no-text.elf": { outcome: "refuses", rule: "no-load-segment", findings: ["nothing-to-load"] },
  "user-pie.elf": { outcome: "refuses", rule: "symbol-undefined", findings: ["user-program"] },
  "entry-is-physical.elf": {
    ...{ outcome: "fails", rule: "entry-not-executable", findings: ["entry-is-physical", "rwx-load"] },
  },
  "pie-higher-half.elf": {},
  "relro-write.elf": {},
  "multiboot2-32bit-entry.elf": { protocols: ["multiboot2"] },
  "multiboot-header-too-far.elf": {},
  "limine.elf": { protocols: ["limine"] },
  "limine-duplicate-request.elf": { protocols: ["limine"] },
  "writes-vga.elf": {},
  "at-higher-half.elf": { findings: ["direct-map-collision"] },
  "page-shared.elf": {},
  "offset-mismatch.elf": { findings: ["offset-mismatch"] },
};

/** The findings that are about kernels in general, and not about what one protocol asks for. */
const GENERAL: readonly string[] = [
  ...["user-program", "nothing-to-load", "debug-only", "entry-outside-code", "entry-is-physical", "rwx-load"],
  ...[
    "offset-mismatch",
    "relro-unsealable",
    "load-in-hole",
    "tls-misaligned",
    "direct-map-collision",
    "stack-executable",
  ],
];

Deno.test("every file of the field is here", () => {
  const names = [...Deno.readDirSync(FIELD)].map(({ name }) => name).filter((name) => name !== "README.md");
  assertEquals(names.sort(), Object.keys(RIGHT).sort());
});

for (const [name, right] of Object.entries(RIGHT)) {
  Deno.test(`${name} is named and recognized, and gets kload's verdict and the findings that are right`, async () => {
    const { format, inside, protocols, verdicts, findings } = await check(name);
    assertEquals(format, right.format ?? "elf");
    assertEquals(inside?.format, right.inside);
    assertEquals([...protocols, ...inside?.protocols ?? []].map(({ name }) => name), right.protocols ?? []);
    const [{ loader, outcome, rule }] = verdicts;
    assertEquals([loader, outcome, rule], ["kload", right.outcome ?? "boots", right.rule]);
    assertEquals(findings.map(({ rule }) => rule).filter((rule) => GENERAL.includes(rule)), right.findings ?? []);
  });
}

async function said(name: string): Promise<string> {
  const { verdicts, findings } = await check(name);
  return [...verdicts, ...findings].flatMap(({ message = "", hint = "" }) => [message, hint]).join("\n");
}

Deno.test("user-pie.elf is said to be a user program first, and by what", async () => {
  const [{ message }] = (await check("user-pie.elf")).findings;
  assert(
    message.startsWith("A user program: program header 1 names the interpreter /lib64/ld-linux-x86-64.so.2"),
    message,
  );
});

Deno.test("entry-is-physical.elf: what is wrong for kload, and who enters it rightly", async () => {
  const { verdicts, findings } = await check("entry-is-physical.elf");
  assert(
    verdicts[0].message?.includes("It lies in the p_paddr range of program header 0, so it is a physical address."),
  );
  assert(!verdicts[0].hint?.includes("Check ENTRY"));
  assert(findings[0].message.includes("such as Firecracker, enter it there"), findings[0].message);
  assertEquals(verdicts.find(({ loader }) => loader === "firecracker")?.outcome, "boots");
});

Deno.test("a kernel for another processor is never called bootable without saying whose code it has", async () => {
  for (const name of ["machine-aarch64.elf", "machine-riscv32.elf", "machine-i386mb.elf"]) {
    const { verdicts } = await check(name);
    for (const { loader, outcome, message } of verdicts.filter(({ loader }) => loader.startsWith("bootloader-"))) {
      if (outcome === "boots") assert(message?.includes("e_machine is 0x"), `${name}, ${loader}: ${message}`);
    }
  }
  const [{ message, hint }] = (await check("machine-riscv32.elf")).verdicts;
  assert(!/-m64|would accept/.test(`${message} ${hint}`), hint);
});

Deno.test("addresses in what is said lie within 64 bits", async () => {
  for (const name of Object.keys(RIGHT)) {
    for (const [, digits] of (await said(name)).matchAll(/0x([0-9a-f]+)/g)) {
      assert(digits.length <= 16, `${name}: ${digits}`);
    }
  }
});

Deno.test("a compressed kernel is refused by loaders that do not unpack it, with advice to do so", async () => {
  for (const name of ["kernel.elf.xz", "kernel.elf.zst", "kernel.elf.lz4"]) {
    const { format, verdicts } = await check(name);
    for (const { loader, unpacked, outcome, hint } of verdicts) {
      assertEquals(unpacked, loader === "kload" ? [format] : undefined, `${name}, ${loader}`);
      if (unpacked) continue;
      assertEquals(outcome, "refuses", `${name}, ${loader}`);
      assert(hint?.startsWith("Unpack the kernel first"), hint);
    }
  }
});

Deno.test("what kload is said to boot, it loads", async () => {
  for (const name of Object.keys(RIGHT)) {
    const [{ outcome, unpacked }] = (await check(name)).verdicts;
    if (outcome === "boots" && !unpacked) await loadKernel(await Deno.readFile(new URL(name, FIELD)));
  }
});
