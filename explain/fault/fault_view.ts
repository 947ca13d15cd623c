/**
 * What the causes of a fault are looked for in.
 *
 * @module
 */

import type { Protocol } from "../../protocols/protocol.ts";
import type { Disassembler, Instruction } from "../instructions/instruction.ts";
import type { Exception } from "./exception.ts";
import type { Place } from "./fault_explanation.ts";
import type { GuestMemory } from "./guest_memory.ts";
import type { Registers } from "./registers.ts";
import type { StartedKernel } from "./stopped_guest.ts";

/** What is known of a kernel's file besides what was loaded. */
export interface FileFacts {
  /** The boot protocols that it is made for. */
  readonly protocols: readonly Protocol[];
  /** The dynamic linker that it names, if it is a user program. */
  readonly interpreter?: string;
  /** The operating system that a note says it is a program for. */
  readonly system?: string;
}

/** A guest at one moment: when it took an exception, or when it stopped. */
export interface FaultView {
  /** The registers. */
  readonly registers: Registers;
  /** The exception, if that is what is explained. */
  readonly exception?: Exception;
  /** The kernel, and what was added to it. */
  readonly started: StartedKernel;
  /** Its memory. */
  readonly memory: GuestMemory;
  /** Finds out where an address lies. */
  readonly place: (address: bigint) => Place;
  /** The instruction at RIP, if it could be read and decoded. */
  readonly instruction?: Instruction;
  /** Decodes instructions, if that was asked for. */
  readonly disassembler?: Disassembler;
  /** What is known of the file. */
  readonly file?: FileFacts;
}
