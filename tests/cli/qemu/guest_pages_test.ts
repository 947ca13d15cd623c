import { assert, assertEquals } from "@std/assert";
import type { MemoryRange } from "../../../cli/qemu/guest_memory.ts";
import { withGuestPages } from "../../../cli/qemu/guest_pages.ts";
import type { PhysicalPages } from "../../../explain/tables/physical_pages.ts";

const SIZE = 2 ** 22;

/** A guest in which every word of a page is the page's address, and what was asked for. */
function guest() {
  const asked: MemoryRange[] = [];
  const read = (range: MemoryRange): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    asked.push(range);
    const words = new Uint32Array(range.length / 4).fill(Number(range.address));
    return Promise.resolve(range.address === 0x3000n ? undefined : new Uint8Array(words.buffer));
  };
  return { read, asked: () => asked.map(({ kind, address, length }) => `${kind} ${address.toString(16)} ${length}`) };
}

const word = (pages: PhysicalPages, frame: number): number | undefined => pages.words(frame)?.[0];

Deno.test("work on a guest's memory is done again with the pages that it lacked, each fetched once", async () => {
  const { read, asked } = guest();
  let runs = 0;
  const found = await withGuestPages(read, SIZE, (pages) => {
    runs++;
    // Each step is known only after the one before, as in a walk through page tables.
    const first = word(pages, 0x1000);
    const second = first === undefined ? undefined : word(pages, first + 0x1000);
    return [first, second, pages.bytes(0x1ffc, 4)?.[1]];
  });
  assertEquals(found, [0x1000, 0x2000, 0x10]);
  assertEquals(asked(), ["physical 1000 4096", "physical 2000 4096"]);
  assertEquals(runs, 3);
});

Deno.test("what is no memory of the guest, or cannot be read, is unknown; devices are not asked", async () => {
  const { read, asked } = guest();
  const found = await withGuestPages(read, SIZE, (pages) => {
    return [0x3000, 0xb_8000, 0xf_f000, SIZE, -0x1000, 2 ** 51].map((frame) => word(pages, frame));
  });
  assertEquals(found, Array(6).fill(undefined));
  assertEquals(asked(), ["physical 3000 4096"]);
  const across = await withGuestPages(read, SIZE, (pages) => pages.bytes(0x1ffe, 4));
  assertEquals(across, undefined);
});

Deno.test("work that asks for ever more pages comes to an end", async () => {
  const { read, asked } = guest();
  let next = 0;
  await withGuestPages(read, 2 ** 40, (pages) => {
    for (let count = 0; count < 100; count++) word(pages, 0x10_0000 + next++ * 0x1000);
  });
  assert(asked().length < 2000);
});
