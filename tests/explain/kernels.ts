/** Kernels for tests that compare with other tools: compiled and linked in a folder that is removed in the end. */

import { fromFileUrl } from "@std/path/from-file-url";
import { runTool } from "../tools.ts";

/** The tools that build them. */
export const BUILD_TOOLS: readonly string[] = ["gcc", "make", "ld.lld"];

const PLAIN = `
static int hidden[3];
int counter, table[100] = {1, 2};
extern int missing __attribute__((weak));
int *pointers[] = {&counter, &table[3], &missing, &hidden[1]};
static const char text[] = "text";
__attribute__((noinline)) static int grow(int by) { hidden[by]++; return by + counter + text[by]; }
__attribute__((noinline, cold)) int shrink(int by) { return counter - grow(by) * 3; }
int alias(int by) __attribute__((alias("shrink")));
__attribute__((weak)) int weaker(int by) { return by * counter; }
__attribute__((section(".text.special"))) int special(int by) { return grow(by) << 3; }
void _start(void) { counter = grow(3) + shrink(4) + weaker(2) + special(1) + table[9] + (&missing != 0) + *pointers[1]; for (;;); }
`;

/** Functions of assembly: with and without a size, labels in them, and the names that compilers of Rust and C++ make. */
const ASSEMBLY = `
        .text
        .globl asm_entry, asm_sized, with_labels
        .type asm_sized, @function
asm_entry:
        nop; nop; nop
        .skip 40, 0x90
asm_sized:
        nop
local_in_sized:
        nop; nop; ret
        .size asm_sized, . - asm_sized
        .skip 16, 0xcc
with_labels:
        jmp 1f
        nop
inner_label:
1:      ret
        .globl _ZN6kernel3idt4init17h0123456789abcdefE, _ZN3cpu4Core5startEv
        .type _ZN6kernel3idt4init17h0123456789abcdefE, @function
        .type _ZN3cpu4Core5startEv, @function
_ZN6kernel3idt4init17h0123456789abcdefE:
        ret
        .size _ZN6kernel3idt4init17h0123456789abcdefE, . - _ZN6kernel3idt4init17h0123456789abcdefE
_ZN3cpu4Core5startEv:
        nop; ret
        .size _ZN3cpu4Core5startEv, . - _ZN3cpu4Core5startEv
        .data
        .type object, @object
object: .quad 1, 2
        .size object, . - object
unsized_data:
        .quad 3
        .globl constant
        .set constant, 0x1234
        .section .note.GNU-stack, "", @progbits
`;

const COMMON = ["-O1", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fcf-protection=none"];
const STATIC_PIE = ["-static-pie", "-fPIE", "-Wl,-z,relro,-z,now"];

/** How the kernels are built, by name; `SOURCE`, `ASSEMBLY` and `FIXTURE` are paths of files. */
const BUILDS: Readonly<Record<string, readonly string[]>> = {
  "plain": ["-static", "SOURCE", "ASSEMBLY"],
  "debug": ["-static", "-g", "SOURCE", "ASSEMBLY"],
  "high": ["-static", "-fno-pie", "-mcmodel=kernel", "-Wl,-Ttext-segment=0xffffffff80000000", "SOURCE", "ASSEMBLY"],
  "pie": [...STATIC_PIE, "FIXTURE"],
  "pie-debug": [...STATIC_PIE, "-g", "FIXTURE", "ASSEMBLY"],
  "pie-packed": [...STATIC_PIE, "-Wl,-z,pack-relative-relocs", "FIXTURE"],
  "pie-sysv": [...STATIC_PIE, "-Wl,--hash-style=sysv", "FIXTURE"],
  "pie-lld": [...STATIC_PIE, "-fuse-ld=lld", "FIXTURE"],
  "pie-lld-packed": [...STATIC_PIE, "-fuse-ld=lld", "-Wl,--pack-dyn-relocs=relr", "FIXTURE", "ASSEMBLY"],
  "pie-export": ["-pie", "-fPIE", "-Wl,--export-dynamic,--no-dynamic-linker", "SOURCE", "ASSEMBLY"],
  "shared": ["-shared", "-fPIC", "SOURCE", "ASSEMBLY"],
  "shared-lld": ["-shared", "-fPIC", "-fuse-ld=lld", "-Wl,--pack-dyn-relocs=relr", "SOURCE"],
  "pie-export-sysv": ["-pie", "-fPIE", "-Wl,--export-dynamic,--no-dynamic-linker,--hash-style=sysv", "SOURCE"],
};

const folder = (path: string) => fromFileUrl(new URL(path, import.meta.url));

let built: Promise<ReadonlyMap<string, string>> | undefined;

/** Passes on the paths of all kernels by name, the ones of examples/hello among them; they are built once. */
export async function withKernels(use: (paths: ReadonlyMap<string, string>) => Promise<void>): Promise<void> {
  await use(await (built ??= buildKernels()));
}

async function buildKernels(): Promise<ReadonlyMap<string, string>> {
  const into = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(into, { recursive: true }));
  const files = {
    SOURCE: `${into}/plain.c`,
    ASSEMBLY: `${into}/assembly.S`,
    FIXTURE: folder("../fixtures/static_pie/kernel.c"),
  };
  await Deno.writeTextFile(files.SOURCE, PLAIN);
  await Deno.writeTextFile(files.ASSEMBLY, ASSEMBLY);
  const paths = new Map<string, string>();
  for (const [name, args] of Object.entries(BUILDS)) {
    const path = `${into}/${name}.elf`;
    const flags = args.map((arg) => files[arg as keyof typeof files] ?? arg);
    await runTool("gcc", [...COMMON, ...flags, "-o", path]);
    paths.set(name, path);
  }
  const hello = `${into}/hello`;
  await Deno.mkdir(hello);
  for (const name of ["Makefile", "kernel.c", "start.S", "kernel.ld", "kernel-pie.ld"]) {
    await Deno.copyFile(folder(`../../examples/hello/${name}`), `${hello}/${name}`);
  }
  await runTool("make", ["-s", "-C", hello, "all"]);
  for (const name of ["hello", "hello-pie"]) paths.set(name, `${hello}/${name}.elf`);
  return paths;
}
