/**
 * Loads a position-independent kernel at random bases derived from a seed, and checks that every relocated word is
 * base + addend. Run it with
 *
 *     deno run --allow-read examples/kaslr.ts [seed]
 */

import { type LoadedKernel, loadKernel } from "@kload/kload";
import { relocate } from "@kload/kload/plugins/relocate";

const PT_DYNAMIC = 2;
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const RELA_SIZE = 24; // Elf64_Rela: r_offset, r_info, r_addend

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function view(kernel: LoadedKernel, virt: bigint, length: number): DataView {
  const bytes = kernel.read(virt, length);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads the words that the kernel's relocation table refers to from the loaded kernel. */
function* relocatedWords(kernel: LoadedKernel): Generator<{ at: bigint; addend: bigint; word: bigint }> {
  const base = kernel.virtualAddressOffset;
  const phdr = kernel.programHeaders.find(({ p_type }) => p_type === PT_DYNAMIC);
  if (!phdr) return;
  const dynamic = view(kernel, phdr.p_vaddr + base, Number(phdr.p_memsz));
  const tags = new Map<bigint, bigint>();
  for (let at = 0; at + 16 <= dynamic.byteLength; at += 16) {
    tags.set(dynamic.getBigUint64(at, true), dynamic.getBigUint64(at + 8, true));
  }
  const table = view(kernel, (tags.get(DT_RELA) ?? 0n) + base, Number(tags.get(DT_RELASZ) ?? 0n));
  for (let at = 0; at + RELA_SIZE <= table.byteLength; at += RELA_SIZE) {
    const target = table.getBigUint64(at, true) + base;
    const addend = table.getBigInt64(at + 16, true);
    yield { at: target, addend, word: view(kernel, target, 8).getBigUint64(0, true) };
  }
}

const file = await Deno.readFile(new URL("./hello/hello-pie.elf", import.meta.url));
const first = BigInt(Deno.args[0] ?? crypto.getRandomValues(new BigUint64Array(1))[0]);

for (let seed = first; seed < first + 3n; seed++) {
  const kernel = await loadKernel(file, { plugins: [relocate({ seed: BigInt.asUintN(64, seed) })] });
  const base = kernel.virtualAddressOffset;
  console.log(`seed ${hex(seed)}: base ${hex(base)}, entry point ${hex(kernel.entryPoint)}`);
  for (const { at, addend, word } of relocatedWords(kernel)) {
    const right = word === BigInt.asUintN(64, base + addend);
    console.log(`  ${hex(at)}: ${hex(word)} ${right ? "=" : "is not"} base + ${hex(addend)}`);
    if (!right) Deno.exitCode = 1;
  }
}
