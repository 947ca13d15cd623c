/** What else is tried with the file of a case: only its headers, damaged gzip, and memory that a load has used before. */

import { inflate } from "../../formats/gzip/inflate.ts";
import { decoded } from "../../formats/input/decoded.ts";
import { type LoadedKernel, LoadError, loadKernel, readHeaders } from "../../mod.ts";
import type { Case } from "./cases.ts";
import type { Complain } from "./compare.ts";
import { type Random, randomOf } from "./random.ts";
import { prepare } from "./setup.ts";
import { chooseCut, gzipOf, openCut } from "./sources.ts";
import { isEqual } from "./windows.ts";

/** Tries some of them. */
export async function tryAgain(
  fuzzCase: Case,
  kernel: LoadedKernel | undefined,
  complain: Complain,
): Promise<void> {
  const random = randomOf(fuzzCase.seed ^ 0xa9a1, fuzzCase.index);
  if (random.chance(0.1)) await tryHeaders(fuzzCase, kernel, random, complain);
  if (random.chance(0.03)) await tryDamagedGzip(fuzzCase, random, complain);
  if (kernel && fuzzCase.setup.memory.kind !== "given" && random.chance(0.2)) {
    await tryUsedMemory(fuzzCase, kernel, complain);
  }
}

function isRefusal(error: unknown, what: string, complain: Complain): boolean {
  const isFine = error instanceof LoadError && error.message.length > 0;
  if (!isFine) complain(`${what} threw ${error instanceof Error ? error.stack : error}`);
  return isFine;
}

/** The headers alone are those of the load, wherever the source is cut. */
async function tryHeaders(
  { file: { bytes }, setup, seed }: Case,
  kernel: LoadedKernel | undefined,
  random: Random,
  complain: Complain,
): Promise<void> {
  const { source, taken } = openCut(bytes, chooseCut(random, bytes.length), seed);
  try {
    const { fileHeader, programHeaders, bytesRead } = await readHeaders(source);
    const { e_phoff, e_phnum, e_phentsize } = fileHeader;
    const end = e_phnum === 0 ? 64 : Math.max(64, Number(e_phoff) + e_phnum * e_phentsize);
    if (taken && taken() > end) complain(`readHeaders read ${taken()} bytes, not ${end}`);
    if (taken && bytesRead !== taken()) complain(`readHeaders says that it read ${bytesRead} bytes, not ${taken()}`);
    if (kernel && programHeaders.length !== kernel.programHeaders.length) complain("readHeaders read other headers");
  } catch (error) {
    const isRefused = isRefusal(error, "readHeaders", complain);
    if (isRefused && kernel && setup.rules === "default") complain(`readHeaders refused what was loaded: ${error}`);
  }
}

/** Damaged gzip gives a kernel or a LoadError. */
async function tryDamagedGzip({ file, setup }: Case, random: Random, complain: Complain): Promise<void> {
  const packed = gzipOf(file.bytes, random);
  if (random.chance(0.5)) packed[random.below(packed.length)] ^= 1 << random.below(8);
  const cut = random.chance(0.5) ? packed.subarray(0, random.below(packed.length)) : packed;
  const { source } = openCut(cut.slice(), "reader", random.below(1000));
  try {
    await loadKernel(
      decoded(inflate, source as Parameters<typeof decoded>[1]),
      prepare({ ...setup, invalid: undefined }).options,
    );
  } catch (error) {
    if (!(error instanceof RangeError && error.message.includes("as level4Frame"))) {
      isRefusal(error, "damaged gzip", complain);
    }
  }
}

/** Memory that a load allocated can be handed to the next one, which finds the old kernel in it. */
async function tryUsedMemory({ file, setup }: Case, kernel: LoadedKernel, complain: Complain): Promise<void> {
  const { memory, nextFrame } = kernel;
  const before = memory.bytes(memory.base, nextFrame - memory.base).slice();
  const { options } = prepare(setup);
  try {
    const again = await loadKernel(file.bytes, { ...options, memory });
    // What the old kernel left after the new one's last frame is nobody's business.
    const same = isEqual(before, memory.bytes(memory.base, nextFrame - memory.base));
    if (again.nextFrame !== nextFrame || again.level4Frame !== kernel.level4Frame) {
      complain("used memory got other frames");
    }
    if (!same) complain("used memory led to other bytes");
  } catch (error) {
    isRefusal(error, "a load into used memory", complain);
    complain("a load into used memory was refused");
  }
}
