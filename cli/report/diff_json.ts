/**
 * The JSON object of `kload diff`: the model itself.
 *
 * @module
 */

import type { KernelDifference, MappedSide } from "../../explain/diff/kernel_difference.ts";
import { hex } from "../output/text.ts";
import type { ComparedSide } from "./diff_report.ts";
import { versionedJson } from "./json.ts";

/**
 * A comparison.
 *
 * @param difference What differs.
 * @param a What to say of side A.
 * @param b What to say of side B.
 * @returns The object, and a line break.
 */
export function diffJson(difference: KernelDifference, a: ComparedSide, b: ComparedSide): string {
  const { items, ...mappings } = difference.mappings;
  return versionedJson({
    a: plainSide(a),
    b: plainSide(b),
    ...difference,
    mappings: {
      ...mappings,
      items: items.map(({ a, b, ...mapping }) => {
        return { ...mapping, ...(a ? { a: plainPages(a) } : {}), ...(b ? { b: plainPages(b) } : {}) };
      }),
    },
  });
}

function plainSide({ name, flags, about }: ComparedSide): object {
  if (!about) return { name, flags };
  const { kind, cr3, levels, isCut, guest } = about;
  return { name, kind, cr3: hex(cr3), levels, ...(isCut === undefined ? {} : { isCut }), ...(guest ? { guest } : {}) };
}

function plainPages({ physical, ...pages }: MappedSide): object {
  return { ...pages, physical: hex(physical) };
}
