/**
 * Checks what a stage returned against its declared additions.
 *
 * @module
 */

import type { Stage } from "./stage.ts";

/**
 * Checks what a stage returned.
 *
 * @param stage The stage.
 * @param added What it returned.
 * @returns The same value; `undefined` if it is empty.
 * @throws {TypeError} If it is not an object, or has a key that is not in the stage's `adds`.
 */
export function checkAdded({ name, adds }: Stage, added: unknown): Readonly<Record<string, unknown>> | undefined {
  if (added === undefined || added === null) return undefined;
  if (typeof added !== "object") throw new TypeError(`Cannot use what stage "${name}" returned: it is not an object`);
  let isEmpty = true;
  for (const key in added) {
    if (!Object.hasOwn(added, key)) continue;
    isEmpty = false;
    if (adds.includes(key)) continue;
    throw new TypeError(`Cannot use what stage "${name}" returned: its adds do not include "${key}"`);
  }
  return isEmpty ? undefined : added as Readonly<Record<string, unknown>>;
}
