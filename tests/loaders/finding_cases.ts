/** Tests of findings as tables: files that break a rule, and neighbours that keep it. */

import { assert, assertEquals } from "@std/assert";
import { PF_R, PF_W } from "../../core/elf/constants.ts";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import type { FindingRule } from "../../loaders/finding.ts";
import type { Breach } from "../../loaders/rule.ts";
import type { LoaderName } from "../../loaders/loader.ts";
import type { ProtocolName } from "../../protocols/protocol.ts";
import { buildElf, type ElfSpec, type SegmentSpec } from "../elf_builder.ts";

/** A file, and what is to be known of it besides. */
export interface Case {
  readonly file: ElfSpec | Uint8Array;
  readonly intended?: readonly LoaderName[];
  readonly protocols?: readonly ProtocolName[];
  readonly memory?: number;
}

/** What a rule finds in a file. */
export async function find(
  rule: FindingRule,
  { file, intended = ["kload"], protocols = [], memory = 2 ** 28 }: Case,
): Promise<readonly Breach[]> {
  const bytes = file instanceof Uint8Array ? file : buildElf(file);
  const readAt = (offset: number, into: Uint8Array): number => {
    const piece = bytes.subarray(offset, offset + into.length);
    into.set(piece);
    return piece.length;
  };
  const model = await readModel(keepFile({ size: bytes.length, readAt }), rule.parts);
  const named = protocols.map((name) => ({ name, summary: name }));
  return rule.find({ model, protocols: named, intended, memory });
}

/** Files that break a rule, with the header and some words of the message, and neighbours that keep it. */
export interface RuleTest {
  readonly rule: FindingRule;
  readonly breaks: readonly (Case & { readonly index?: number; readonly offset?: number; readonly says: string })[];
  readonly keeps: readonly Case[];
}

/** The flags of data. */
export const RW = PF_R | PF_W;

/** A segment of code, at 0x400000. */
export const CODE: SegmentSpec = { filesz: 0x100 };
/** A segment of data after it. */
export const DATA: SegmentSpec = { filesz: 0x100, offset: 0x2000, p_vaddr: 0x40_2000n, p_flags: RW };

/** Tests rules. */
export function testFindings(tests: readonly RuleTest[]): void {
  for (const { rule, breaks, keeps } of tests) {
    Deno.test(`${rule.id}: files that break it, and neighbours that keep it`, async () => {
      for (const { index, offset, says, ...broken } of breaks) {
        const [breach, ...more] = await find(rule, broken);
        assert(breach, `not found: ${says}`);
        assertEquals(more, []);
        assertEquals([breach.index, breach.offset], [index, offset], breach.message);
        assert(breach.message.includes(says), breach.message);
      }
      for (const kept of keeps) assertEquals(await find(rule, kept), []);
    });
  }
}
