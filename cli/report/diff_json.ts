/**
 * The JSON object of `kload diff`: the model itself.
 *
 * @module
 */

import type { KernelDifference, Limited, MappedSide } from "../../explain/diff/kernel_difference.ts";
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
  const { mappings, content, repeated, unknown } = difference;
  const { both, added, removed, changed, accessed } = mappings;
  const bytes = { both, added, removed, changed, accessed };
  return versionedJson({
    a: plainSide(a),
    b: plainSide(b),
    ...difference,
    mappings: {
      ...Object.fromEntries(Object.entries(bytes).map(([name, size]) => [name, hex(size)])),
      ...plainList(mappings, ({ a, b, ...mapping }) => {
        return { ...mapping, ...(a ? { a: plainPages(a) } : {}), ...(b ? { b: plainPages(b) } : {}) };
      }),
    },
    content: { ...content, compared: hex(content.compared), tables: hex(content.tables) },
    repeated: plainList(repeated, plainSize),
    unknown: plainList(unknown, plainSize),
  });
}

function plainList<T>({ items, more }: Limited<T>, plain: (item: T) => object): object {
  return { items: items.map(plain), more };
}

/** A range may be as large as an address space. */
function plainSize<T extends { readonly size: number }>({ size, ...range }: T): object {
  return { ...range, size: hex(size) };
}

function plainSide({ name, flags, about }: ComparedSide): object {
  if (!about) return { name, flags };
  const { kind, cr3, levels, isCut, guest } = about;
  return { name, kind, cr3: hex(cr3), levels, ...(isCut === undefined ? {} : { isCut }), ...(guest ? { guest } : {}) };
}

function plainPages({ physical, ...pages }: MappedSide): object {
  return { ...pages, physical: hex(physical) };
}
