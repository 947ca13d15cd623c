/**
 * Answers the question of `kload walk`.
 *
 * @module
 */

import type { AddressOperand } from "../arguments/address_operand.ts";
import type { Output } from "../output/output.ts";
import { answerAddress, type Subject } from "./answer_address.ts";

/** What is asked. */
export interface Question {
  /** The address or symbol. */
  readonly operand: AddressOperand;
  /** The physical address, if it is one. */
  readonly physical?: number;
  /** The most virtual addresses of it to list. */
  readonly limit: number;
}

/**
 * Prints the answer to a question, as a report or a JSON object.
 *
 * @param subject What it is about.
 * @param question What is asked.
 * @param output Where to print.
 * @param signal Ends the work.
 */
export async function answer(
  subject: Subject,
  { operand, physical, limit }: Question,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (physical === undefined) return await answerAddress(subject, operand, output);
  const { walkPhysical } = await import("./walk_physical.ts");
  await walkPhysical(physical, subject, { limit, signal }, output);
}
