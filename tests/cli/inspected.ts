/** Inspects bytes without a process. */

import { inspectFile } from "../../cli/commands/inspect_file.ts";
import { unpackKept } from "../../cli/commands/unpack_kept.ts";
import type { InspectedFile } from "../../cli/report/examined_file.ts";
import { keepFile } from "../../core/file/kept_file.ts";

/** What a file is found to be. */
export async function inspected(bytes: Uint8Array): Promise<InspectedFile> {
  const { signal } = new AbortController();
  return await inspectFile(keepFile(bytes), unpackKept(signal), signal);
}
