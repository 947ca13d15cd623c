/**
 * The permissions of program headers and mappings, much as `readelf` prints them.
 *
 * @module
 */

/**
 * The permissions of a program header.
 *
 * @param p_flags Its flags.
 * @returns Such as "R-X".
 */
export function flagLetters(p_flags: number): string {
  return `${p_flags & 4 ? "R" : "-"}${p_flags & 2 ? "W" : "-"}${p_flags & 1 ? "X" : "-"}`;
}

/** What pages allow besides reading. */
export interface PagePermissions {
  /** Whether they can be written to. */
  readonly writable: boolean;
  /** Whether instructions can be fetched from them. */
  readonly executable: boolean;
}

/**
 * What a page allows, and whether it allows it in user mode too.
 *
 * @param page The permissions as letters, and whether all levels allow user mode.
 * @returns Such as "R-X" or, with user mode, "R-XU".
 */
export function pageLetters(
  { permissions, user }: { readonly permissions: string; readonly user: boolean },
): string {
  return user ? `${permissions}U` : permissions;
}

/**
 * The permissions of mapped pages, which can always be read.
 *
 * @param pages What they allow.
 * @returns Such as "R-X".
 */
export function mappingLetters({ writable, executable }: PagePermissions): `R${"W" | "-"}${"X" | "-"}` {
  return `R${writable ? "W" : "-"}${executable ? "X" : "-"}`;
}
