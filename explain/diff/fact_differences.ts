/**
 * Compares facts about kernels, and sums up a comparison.
 *
 * @module
 */

import type { TlsTemplate } from "../../core/pipeline/context.ts";
import { type Explainable, kernelOf, tablesOf } from "../explained.ts";
import type { FactDifference, KernelDifference, Level4Difference } from "./kernel_difference.ts";

/**
 * Compares what is known of both sides besides their pages.
 *
 * @param a One side.
 * @param b The other.
 * @returns The facts that differ.
 */
export function factDifferences(a: Explainable, b: Explainable): readonly FactDifference[] {
  const [{ levels: levelsA }, { levels: levelsB }] = [tablesOf(a), tablesOf(b)];
  const [one, other] = [kernelOf(a), kernelOf(b)];
  const found: FactDifference[] = levelsA === levelsB ? [] : [{ fact: "levels", a: levelsA, b: levelsB }];
  if (!one || !other) return found;
  for (const fact of ["entryPoint", "virtualAddressOffset"] as const) {
    if (one[fact] !== other[fact]) found.push({ fact, a: one[fact], b: other[fact] });
  }
  if (!isSameTemplate(one.tlsTemplate, other.tlsTemplate, 0n)) {
    found.push({ fact: "tlsTemplate", a: one.tlsTemplate ?? null, b: other.tlsTemplate ?? null });
  }
  return found;
}

function isSameTemplate(a: TlsTemplate | null = null, b: TlsTemplate | null = null, distance: bigint): boolean {
  if (!a || !b) return a === b;
  return BigInt.asUintN(64, a.startAddr + distance) === b.startAddr && a.fileSize === b.fileSize &&
    a.memSize === b.memSize && a.align === b.align;
}

/**
 * Sums up what differs.
 *
 * @param found What differs.
 * @param distance How far B's kernel is from A's.
 * @returns "moved" if nothing differs but what follows from the distance.
 */
export function verdictOf(
  { facts, entries, mappings, content }: Pick<KernelDifference, "facts" | "mappings" | "content"> & {
    readonly entries: readonly Level4Difference[];
  },
  distance: bigint,
): KernelDifference["verdict"] {
  const pages = mappings.added + mappings.removed + mappings.changed;
  if (pages + content.differing + content.movedWords + entries.length + facts.length === 0) return "same";
  const isMove = distance !== 0n && pages + content.differing === 0 && facts.every((fact) => isMoved(fact, distance)) &&
    entries.every(({ kind }) => kind !== "changed");
  return isMove ? "moved" : "different";
}

/**
 * Whether a fact differs by the distance alone.
 *
 * @param fact The fact.
 * @param distance How far B's kernel is from A's.
 * @returns True if it does.
 */
export function isMoved(fact: FactDifference, distance: bigint): boolean {
  switch (fact.fact) {
    case "levels":
      return false;
    case "tlsTemplate":
      return fact.a !== null && isSameTemplate(fact.a, fact.b, distance);
    default:
      return BigInt.asUintN(64, fact.a + distance) === fact.b;
  }
}
