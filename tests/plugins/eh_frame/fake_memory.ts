/** Memory of a few pages, for readers of unwind tables. */

import { LoadError } from "../../../core/errors.ts";
import { memoryReader, type ReadMemory } from "../../../plugins/eh_frame/memory_reader.ts";

const PAGE = 4096n;

/** Memory with bytes at some addresses; the rest of their pages is 0, and nothing else is mapped. */
export function memoryWith(pieces: readonly (readonly [address: bigint, bytes: Uint8Array])[]): ReadMemory {
  const pages = new Map<bigint, Uint8Array>();
  for (const [address, bytes] of pieces) {
    bytes.forEach((byte, at) => {
      const virt = address + BigInt(at);
      const page = pages.get(virt / PAGE) ?? new Uint8Array(Number(PAGE));
      page[Number(virt % PAGE)] = byte;
      pages.set(virt / PAGE, page);
    });
  }
  return memoryReader((virt, length) =>
    Uint8Array.from({ length }, (_, at) => {
      const address = virt + BigInt(at);
      const page = pages.get(address / PAGE);
      if (!page) throw new LoadError("page-not-mapped", { field: "address", value: address });
      return page[Number(address % PAGE)];
    })
  );
}
