/**
 * Sums over the runs of a map.
 *
 * @module
 */

import type { PageSize } from "../../core/paging/entry.ts";
import type { MapPermissions, MapRun, MapTotals, PermissionCount } from "./address_map.ts";

/** Adds runs up. All sizes are multiples of 4096 below 2^58, so numbers hold them exactly. */
export interface MapSums {
  /** Adds a run. */
  readonly add: (run: MapRun) => void;
  /** The sums so far. */
  readonly totals: () => Omit<MapTotals, "unmapped" | "tables">;
}

/** The order of permissions in a report. */
const ORDER: readonly MapPermissions[] = ["R--", "R-X", "RW-", "RWX"];

/**
 * Starts with nothing.
 *
 * @returns The sums.
 */
export function mapSums(): MapSums {
  const byPermission = new Map<string, { permissions: MapPermissions; user: boolean; pages: number; bytes: number }>();
  const bySize = new Map<PageSize, number>();
  let runs = 0;
  return {
    add: ({ permissions, user, size, pageSize }) => {
      runs++;
      const key = permissions + user;
      const sum = byPermission.get(key) ?? { permissions, user, pages: 0, bytes: 0 };
      sum.pages += size / pageSize;
      sum.bytes += size;
      byPermission.set(key, sum);
      bySize.set(pageSize, (bySize.get(pageSize) ?? 0) + size / pageSize);
    },
    totals: () => {
      const sums = [...byPermission.values()].sort((one, other) => {
        return Number(one.user) - Number(other.user) ||
          ORDER.indexOf(one.permissions) - ORDER.indexOf(other.permissions);
      });
      const permissions: PermissionCount[] = sums.map((sum) => ({ ...sum, bytes: BigInt(sum.bytes) }));
      return {
        runs,
        bytes: permissions.reduce((all, { bytes }) => all + bytes, 0n),
        permissions,
        pages: Array.from(bySize, ([pageSize, pages]) => ({ pageSize, pages })).sort((one, other) =>
          one.pageSize - other.pageSize
        ),
        writableAndExecutable: permissions.reduce((all, { permissions, pages }) => {
          return permissions === "RWX" ? all + pages : all;
        }, 0),
      };
    },
  };
}
