/**
 * The JSON of `kload walk`: the model itself.
 *
 * @module
 */

import { mappingLetters } from "../../core/elf/permission_letters.ts";
import type { Reason } from "../../explain/address/reason.ts";
import type { Walk, WalkedLevel, WalkEnd } from "../../explain/tables/walk_tables.ts";
import { hex } from "../output/text.ts";
import { versionedJson } from "./json.ts";
import type { WalkedPhysical } from "./walk_physical_report.ts";
import type { WalkedAddress } from "./walk_report.ts";

/**
 * What is at an address.
 *
 * @param walked What is said of it.
 * @returns The object, and a line break.
 */
export function walkJson({ name, about, explanation, bytes, code }: WalkedAddress): string {
  const { physical, levels, end, fileOffset, why, ...rest } = explanation;
  return versionedJson({
    name,
    ...about,
    ...rest,
    physical: physical === null ? null : hex(physical),
    levels: levels.map(plainLevel),
    end: plainEnd(end),
    fileOffset,
    why: why.map(plainReason),
    bytes: bytes.length === 0 ? null : bytes,
    instructions: code === undefined ? null : code.around.instructions.map(({ address, length, text }) => {
      return { address, length, text };
    }),
  });
}

/**
 * The JSON of `kload walk --physical`.
 *
 * @param walked What is said of it.
 * @returns The object, and a line break.
 */
export function physicalJson({ name, about, explanation, found, bytes }: WalkedPhysical): string {
  const { physical, table, ...rest } = explanation;
  const { addresses, ...counts } = found;
  return versionedJson({
    name,
    ...about,
    physical: hex(physical),
    ...rest,
    table,
    addresses: addresses.map(({ virt: address, pageSize, user, recursive, writable, executable }) => {
      return { address, pageSize, permissions: mappingLetters({ writable, executable }), user, recursive };
    }),
    ...counts,
    bytes: bytes.length === 0 ? null : bytes,
  });
}

/**
 * A walk with its physical addresses as strings.
 *
 * @param walk The walk.
 * @returns The object.
 */
export function plainWalk({ levels, end }: Walk): object {
  return { levels: levels.map(plainLevel), end: plainEnd(end) };
}

function plainLevel({ table, address, ...rest }: WalkedLevel): object {
  return { ...rest, table: hex(table), ...(address === undefined ? {} : { address: hex(address) }) };
}

function plainEnd(end: WalkEnd): object {
  return end.kind === "page" ? { ...end, phys: hex(end.phys) } : end;
}

/** Physical addresses are numbers in the model. */
function plainReason(reason: Reason): object {
  const physical = "physical" in reason ? { physical: hex(reason.physical) } : {};
  const table = "table" in reason && typeof reason.table === "number" ? { table: hex(reason.table) } : {};
  return { ...reason, ...physical, ...table };
}
