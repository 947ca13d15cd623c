/**
 * How a guest ended, and why.
 *
 * @module
 */

import type { Diagnostic } from "../../core/diagnostics.ts";
import type { NamedPlace, SegmentPlace } from "../address/address_explanation.ts";
import type { Walk } from "../tables/walk_tables.ts";
import type { CauseCode } from "./cause.ts";
import type { GuestEnd } from "./stopped_guest.ts";

/** Where an address lies. */
export interface Place {
  /** The address. */
  readonly address: bigint;
  /** The segment that contains it, if there is one. */
  readonly segment?: SegmentPlace;
  /** The section that contains it, if symbols were given and there is one. */
  readonly section?: NamedPlace;
  /** The symbol that contains it, if symbols were given and there is one; one without a size reaches to the next. */
  readonly symbol?: NamedPlace & { readonly size: bigint };
  /** Where it lies, in words, such as "in program header 0 (LOAD R-X …)" or "in the kernel's stack". */
  readonly description: string;
}

/** The value of a register that an instruction uses. */
export interface OperandValue {
  /** The register's name, such as "rax" and "al". */
  readonly name: string;
  /** Its value. */
  readonly value: bigint;
}

/** An instruction that did not come to its end. */
export interface FaultInstruction extends Place {
  /** The bytes there, as far as they are known and belong to it. */
  readonly bytes?: Uint8Array;
  /** The instruction as text, such as "mov [rax],rcx", if it was decoded. */
  readonly text?: string;
  /** The registers that its operands read, as they were before it. */
  readonly operands: readonly OperandValue[];
}

/** An access to memory that failed. */
export interface FaultAccess extends Place {
  /** What it was. */
  readonly kind: "read" | "write" | "fetch";
  /** Whether it was made in user mode. */
  readonly user: boolean;
}

/** What was wrong with the page of an access. */
export type PageProblem =
  | "not-mapped"
  | "not-writable"
  | "not-executable"
  | "not-for-user-mode"
  | "for-user-mode"
  | "reserved-bits"
  | "protection-key"
  | "not-permitted"
  | "not-canonical";

/** What the error code and the page tables say of the address of an access. */
export interface FaultPage {
  /** What was wrong with it; "not-permitted" if the error code alone is known, or the tables do not show it. */
  readonly problem: PageProblem;
  /** The same in a clause, such as "the page is mapped, but not writable". */
  readonly message: string;
  /** Whether CR3 pointed to the level-4 table that the kernel was started with, or to one of the guest's own. */
  readonly tables: "initial" | "own";
  /** The walk, through the tables as they were when the guest stopped, or else as they were when it was started. */
  readonly walk?: Walk;
}

/** A cause that was checked. */
export interface FaultCause {
  /** What kind of cause it is. */
  readonly code: CauseCode;
  /** What was found, and what follows from it, in a clause without a full stop. */
  readonly message: string;
  /** What to do about it, if something helps. */
  readonly hint?: string;
}

/** A call that had not returned; of several from the same place in a row, the innermost. */
export interface Caller extends Place {
  /** Where its word was found: the address of the return address in memory. */
  readonly at: bigint;
  /** How many calls in a row came from the same place: more than 1 if a function called itself. */
  readonly times: number;
}

/** The calls that had not returned, innermost first. */
export interface Backtrace {
  /** By the chain of saved frame pointers, checked at every step, or by a call of the very function at RIP. */
  readonly callers: readonly Caller[];
  /**
   * If no frame pointers were found: the words further up the stack that follow a call instruction. They may be left
   * from calls that have returned.
   */
  readonly possible: readonly Caller[];
  /** Whether there were more than are listed. */
  readonly more: boolean;
}

/** One thing that happened to a guest: an exception, or where it stopped. */
export interface FaultEvent {
  /** The exception, if it is about one. */
  readonly exception?: {
    /** Its vector, 0 to 255. */
    readonly vector: number;
    /** Its name, such as "a page fault (#PF)". */
    readonly name: string;
    /** Its mnemonic, such as "#PF", if it has one. */
    readonly mnemonic?: string;
    /** Its error code, if it has one. */
    readonly error?: number;
    /** What raised it. */
    readonly origin: "processor" | "instruction" | "device";
    /** Whether it became a double fault, because another exception came up on the way to its handler. */
    readonly doubleFault: boolean;
  };
  /** What the guest was doing, in a clause such as "running", if it is not about an exception. */
  readonly state?: string;
  /** The instruction; absent outside 64-bit mode. */
  readonly instruction?: FaultInstruction;
  /** The access that failed, of a page fault. */
  readonly access?: FaultAccess;
  /** What the page tables say of that access. */
  readonly page?: FaultPage;
  /** The causes, the most telling first. */
  readonly causes: readonly FaultCause[];
  /** Why no handler ran, after a triple fault. */
  readonly handler?: FaultCause;
  /** The calls that had not returned, if any were found. */
  readonly backtrace?: Backtrace;
  /** The diagnostics of the load that are about the same pages or header, or explain the causes. */
  readonly diagnostics: readonly Diagnostic[];
  /** The registers, by name. */
  readonly registers: Readonly<Record<string, bigint>>;
}

/** How a guest ended, and why. */
export interface FaultExplanation extends FaultEvent {
  /** How it ended. */
  readonly end: GuestEnd;
  /** What happened in a sentence, such as "The guest triple-faulted after a page fault (#PF)." */
  readonly message: string;
  /**
   * The last exception that it took before it stopped in another way, if there was one; or the first one, if its handler
   * raised the one that ended in a triple fault.
   */
  readonly before?: FaultEvent;
  /**
   * What the kernel's file expects and did not get, in whole sentences; none if nothing is known of the file. Guests
   * often die of it, but that is not claimed.
   */
  readonly expectations: readonly FaultCause[];
}
