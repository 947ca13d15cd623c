/** Calls the functions of boot/ on a loaded kernel, in a random order, and checks what each of them mapped. */

import { coreDump } from "../../boot/core_dump.ts";
import { cpuState } from "../../boot/cpu_state.ts";
import { bootImage } from "../../boot/image.ts";
import { usedRegions } from "../../boot/regions.ts";
import { type LoadedKernel, LoadError } from "../../mod.ts";
import { BOOT_STEPS, type Bootstate, type Step } from "./boot_steps.ts";
import type { Case } from "./cases.ts";
import type { Complain } from "./compare.ts";
import { randomOf } from "./random.ts";
import { type Leaf, walkTables } from "./walker.ts";

const PAGE = 4096;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Boots a kernel, as far as that goes. */
export function bootKernel({ seed, index, setup }: Case, kernel: LoadedKernel, complain: Complain): void {
  const random = randomOf(seed ^ 0xb007, index);
  if (random.chance(0.4)) return;
  const state: Bootstate = { kernel, setup, random };
  let leaves = walkTables(kernel.memory, kernel.level4Frame).leaves;
  for (let left = 1 + random.below(6); left > 0; left--) {
    const step = random.pick(BOOT_STEPS);
    leaves = takeStep(step, state, leaves, (problem) => complain(`${step.name}: ${problem}`));
  }
  readAll(state, complain);
}

/** Calls one function. One that fails leaves everything as it was. */
function takeStep(
  step: Step,
  state: Bootstate,
  before: ReadonlyMap<bigint, Leaf>,
  complain: Complain,
): ReadonlyMap<bigint, Leaf> {
  const { kernel: { memory, level4Frame, frameRuns } } = state;
  const owned = new Set(frameRuns().flatMap(({ phys, size }) => framesOf(phys, size)));
  let check: ReturnType<Step["run"]> | undefined;
  try {
    check = step.run(state);
  } catch (error) {
    if (!(error instanceof LoadError)) complain(`threw ${error instanceof Error ? error.stack : error}`);
    else if (error.message.length === 0) complain(`the error ${error.code} has no message`);
  }
  const { leaves, faults } = walkTables(memory, level4Frame);
  for (const fault of faults) complain(fault);
  for (const [virt, leaf] of before) {
    if (!isSame(leaves.get(virt), leaf)) complain(`the page at ${hex(virt)} is not what it was`);
  }
  const added = new Map([...leaves].filter(([virt]) => !before.has(virt)));
  if (!check) {
    if (added.size > 0) complain(`failed, but mapped ${hex([...added.keys()][0])}`);
    return leaves;
  }
  if (step.takesFrames) {
    for (const [virt, { phys }] of added) {
      if (owned.has(phys)) complain(`the frame at ${hex(virt)} was in use`);
    }
  }
  const executable = [...added].find(([, leaf]) => leaf.executable && leaf.writable);
  if (executable) complain(`the page at ${hex(executable[0])} is writable and executable`);
  check(added, complain);
  return leaves;
}

function framesOf(phys: number, size: number): number[] {
  return Array.from({ length: size / PAGE }, (_, at) => phys + at * PAGE);
}

function isSame(one: Leaf | undefined, other: Leaf): boolean {
  return one?.phys === other.phys && one.size === other.size && one.writable === other.writable &&
    one.executable === other.executable && one.entry === other.entry;
}

/** Functions that only read: whatever was mapped, they give a result or a LoadError. */
function readAll({ kernel, stack, info, entry, ramdisk }: Bootstate, complain: Complain): void {
  const attempt = (name: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof LoadError)) complain(`${name} threw ${error instanceof Error ? error.stack : error}`);
    }
  };
  attempt("cpuState", () => {
    const { cr3, rip, rsp, rdi } = cpuState(kernel, { stack, info, entry });
    if (cr3 !== BigInt(kernel.level4Frame) || rip !== kernel.entryPoint) complain("cpuState enters another kernel");
    if (rsp !== (stack ? stack.top - 8n : 0n) || rdi !== (info?.address ?? 0n)) {
      complain("cpuState passes other values");
    }
  });
  attempt("usedRegions", () => {
    let end = 0;
    for (const { phys, size, content } of usedRegions(kernel, { ramdisk, scanBss: true })) {
      if (phys < end) complain("regions overlap or descend");
      end = phys + size;
      const bytes = kernel.memory.bytes(phys, size);
      const empty = framesOf(0, size).filter((at) => !bytes.subarray(at, at + PAGE).some((byte) => byte !== 0)).length;
      if (empty !== (content ? 0 : size / PAGE)) complain(`the region at ${hex(phys)} is not as it says`);
    }
  });
  attempt("coreDump", () => {
    const { size, pieces } = coreDump(kernel, { stack, info, entry, ramdisk });
    let end = 0;
    for (const { offset, bytes } of pieces) {
      if (offset < end) complain("pieces of a core file overlap");
      end = offset + bytes.length;
    }
    if (end > size) complain("a core file ends before its pieces");
  });
  if (entry) attempt("bootImage", () => void [...bootImage(kernel, { entry })]);
}
