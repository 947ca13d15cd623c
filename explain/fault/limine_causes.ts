/**
 * Requests of Limine's protocol that were not answered.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { LimineProtocol, LimineRequest } from "../../protocols/limine.ts";
import type { Instruction } from "../instructions/instruction.ts";
import type { FaultCause } from "./fault_explanation.ts";
import type { FaultView } from "./fault_view.ts";
import { readWord } from "./guest_memory.ts";
import { listed } from "../wording.ts";

// The Limine boot protocol, "Features": four words of id, the revision, then the pointer to the response
const RESPONSE = 40n;

/** The most requests that are named. */
const MOST_NAMES = 12;

/** The most bytes of a function that are decoded up to an instruction. */
const MOST_CODE = 4096;

/**
 * Finds the requests of Limine's protocol that have no response in memory.
 *
 * @param view The guest, at an access through a null pointer.
 * @param base The register that is 0.
 * @returns One cause, or none if every response is there, or the kernel makes no requests.
 */
export function limineCauses(view: FaultView, base: string): readonly FaultCause[] {
  const { memory, started: { kernel }, file } = view;
  const limine = file?.protocols.find((protocol): protocol is LimineProtocol => protocol.name === "limine");
  const pointerOf = ({ address }: LimineRequest): bigint => {
    return BigInt.asUintN(64, address + kernel.virtualAddressOffset + RESPONSE);
  };
  const unanswered = (limine?.requests ?? []).filter((request) => readWord(memory, pointerOf(request)) === 0n);
  if (unanswered.length === 0 || !memory.isCurrent) return [];
  const load = lastLoad(view, base);
  const read = load && unanswered.find((request) => pointerOf(request) === load.address);
  if (read) {
    const message = `the response pointer of Limine's request for ${nameOf(read)}, which ${load.instruction.text} at ` +
      `${hexAddr(load.instruction.address)} reads, is NULL: kload does not answer it`;
    return [{ code: "limine-unanswered", message }];
  }
  const names = unanswered.slice(0, MOST_NAMES).map(nameOf);
  const more = unanswered.length > names.length ? [`${unanswered.length - names.length} more`] : [];
  const [these, are] = unanswered.length === 1
    ? ["the response pointer of Limine's request", "is NULL: kload does not answer it"]
    : ["the response pointers of Limine's requests", "are NULL: kload does not answer them"];
  return [{ code: "limine-unanswered", message: `${these} for ${listed([...names, ...more])} ${are}` }];
}

function nameOf({ name, id }: LimineRequest): string {
  return name ?? `the unknown id ${id.map((word) => hexAddr(word)).join(" ")}`;
}

interface Load {
  readonly instruction: Instruction;
  /** The fixed address that it loads from. */
  readonly address: bigint;
}

/**
 * Finds the last instruction before the faulting one whose first operand is a register that it writes, if that loads
 * the register from a fixed address, and nothing jumps away in between.
 */
function lastLoad({ place, memory, disassembler, instruction }: FaultView, base: string): Load | undefined {
  const rip = instruction?.address ?? 0n;
  const offset = place(rip).symbol?.offset ?? 0;
  if (!disassembler || offset === 0 || offset > MOST_CODE) return undefined;
  const code = memory.read(rip - BigInt(offset), offset);
  let found: Load | undefined;
  for (const each of code ? disassembler.instructions(code, rip - BigInt(offset)) : []) {
    const [first] = each.operands;
    const [use] = each.memory;
    const writes = first?.register === base && first.access !== "read";
    const isFixed = use && !use.implicit && use.base === undefined && use.index === undefined;
    if (each.flow !== "next") found = undefined;
    else if (writes) found = each.mnemonic === "mov" && isFixed ? loadOf(each, use.displacement) : undefined;
  }
  return found;
}

function loadOf(instruction: Instruction, displacement: bigint): Load {
  return { instruction, address: BigInt.asUintN(64, displacement) };
}
