/**
 * `kload walk` on page tables that kload did not build: in a memory dump, an ELF core or a running QEMU.
 *
 * @module
 */

import { PAGE_SIZE } from "../../core/memory/addresses.ts";
import { CODE_BEFORE } from "../../explain/instructions/instructions_around.ts";
import type { KernelSymbols } from "../../explain/symbols/kernel_symbols.ts";
import type { TableSet } from "../../explain/tables/table_set.ts";
import { walkTables } from "../../explain/tables/walk_tables.ts";
import type { ForeignSource } from "../arguments/foreign_tables.ts";
import { openForeignTables } from "../input/foreign/open_foreign_tables.ts";
import type { Output } from "../output/output.ts";
import { foreignFacts, foreignJson } from "../report/table_origin.ts";
import type { Subject } from "./answer_address.ts";
import { answer, type Question } from "./answer_question.ts";
import { findAddress } from "./find_address.ts";
import type { ExplainedFile } from "./with_explained.ts";

/** A kernel's file, for its names. */
export interface NamedKernel extends Pick<ExplainedFile, "name" | "path" | "layers" | "kernel" | "isPlaced"> {
  /** The symbols in it. */
  readonly symbols: KernelSymbols;
}

/** How many bytes from the address on are looked at, at most. */
const BYTES_AFTER = 256;

/**
 * Answers a question about foreign page tables.
 *
 * @param source Where they are.
 * @param names The kernel that runs on them and its names, if its file is given.
 * @param question What is asked.
 * @param output Where to print.
 * @param signal Ends the work.
 */
export async function walkForeign(
  source: ForeignSource,
  names: NamedKernel | undefined,
  question: Question,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { symbols, path } = names ?? {};
  const moved = names?.kernel ?? { virtualAddressOffset: 0n };
  const others = question.physical === undefined
    ? pagesAround(findAddress(question.operand, symbols, moved).address)
    : [question.physical];
  const read = typeof others === "function" ? others : () => others;
  const { tables, about, close } = await openForeignTables({ ...source, others: read }, signal);
  try {
    const subject: Subject = {
      name: about.source,
      explained: tables,
      facts: foreignFacts(about, names, source.cr3Value),
      about: { ...(names ? { namesFrom: names.name } : {}), foreign: foreignJson(about) },
      symbols,
      moved,
      memory: about.kind === "guest" ? "RAM or ROM that was read" : `the ${about.kind}`,
      ...(names ? { loaded: names.kernel } : {}),
      ...(path === undefined ? {} : { path }),
    };
    await answer(subject, question, output, signal);
  } finally {
    close();
  }
}

/** The pages with the code and the bytes around an address. */
function pagesAround(address: bigint): (tables: TableSet) => Iterable<number> {
  return function* (tables) {
    const page = BigInt(PAGE_SIZE);
    const end = address + BigInt(BYTES_AFTER);
    for (let at = end - end % page; at + page > address - BigInt(CODE_BEFORE); at -= page) {
      const walk = walkTables(tables, BigInt.asUintN(64, at));
      if (walk.end.kind === "page") yield walk.end.phys;
    }
  };
}
