/** Work on page tables. */

import { ascendingFrames, loadKernel, type PhysicalMemory, physicalMemory } from "../../mod.ts";
import { type Mapper, openPageTables, PRESENT, WRITABLE } from "../../core/paging/mod.ts";
import { clearEntries, read, replaceFlags, translate, visitPages, walk, writeEntries } from "../floors.ts";
import { bssKernel, GIB, HIGHER_HALF, MIB, PAGE } from "../kernels.ts";
import { once } from "../runner/once.ts";
import { type Group, type Sampler, type Sides, timed, timedEach, type Workload } from "../runner/workload.ts";

/** The last result of a call: an engine may drop the work for a result that nothing uses. */
let last: unknown;

const FLAGS = PRESENT | WRITABLE;
/** Where pages are mapped to; nothing reads there. */
const FRAMES = 2 * MIB;
const CALLS = 10_000;
/** What is mapped, unmapped and changed at once. */
const RANGE = 256 * MIB;

/** Page tables in a memory of their own, empty, with the level-4 table at its start. */
interface Tables {
  readonly memory: PhysicalMemory;
  readonly words: Uint32Array;
  readonly mapper: Mapper;
}

function emptyTables(memory: PhysicalMemory): Tables {
  const words = new Uint32Array(memory.buffer).fill(0);
  const frames = ascendingFrames({ start: PAGE, end: memory.size });
  return { memory, words, mapper: openPageTables(memory, 0, { frames }) };
}

/** Page tables that map 4 GiB in pages of 4 KiB. */
const million = once(() => {
  const tables = emptyTables(physicalMemory({ base: 0, buffer: new ArrayBuffer(16 * MIB) }));
  tables.mapper.mapTo(HIGHER_HALF, FRAMES, FLAGS, { size: 4 * GIB });
  return tables;
});

const level1 = (mapper: Mapper) => [...mapper.tables()].filter(({ level }) => level === 1).map(({ frame }) => frame);

/** Addresses in many pages, in no order. */
function addresses(size: number): readonly bigint[] {
  return Array.from({ length: 1024 }, (_, index) => HIGHER_HALF + BigInt(index * 0x3_1008 % size));
}

/** A call against the same by hand, at one address after the other. */
function calls(size: number, floor: (virt: bigint) => unknown, kload: (virt: bigint) => unknown): Sides {
  const virts = addresses(size);
  return { floor: timedCalls(virts, floor), kload: timedCalls(virts, kload) };
}

function timedCalls(virts: readonly bigint[], call: (virt: bigint) => unknown): Sampler {
  let next = 0;
  return timedEach(CALLS, () => last = call(virts[next++ & 1023]));
}

const mapTo: Workload = {
  name: "mapTo() of 256 MiB / as many entries into an array",
  aim: 3,
  open: () => {
    const memory = physicalMemory({ base: 0, buffer: new ArrayBuffer(MIB) });
    const words = new Uint32Array(RANGE / PAGE * 2);
    const tables = Array.from({ length: words.length / 1024 }, (_, index) => index * PAGE);
    let { mapper } = emptyTables(memory);
    return {
      floor: timed({ run: () => writeEntries(words, tables, words.length / 2, FRAMES | 3) }),
      kload: timed({
        prepare: () => void ({ mapper } = emptyTables(memory)),
        run: () => mapper.mapTo(HIGHER_HALF, FRAMES, FLAGS, { size: RANGE }),
      }),
    };
  },
};

/** `unmap` and `updateFlags` as they take ranges. */
interface RangeForms {
  readonly unmap: (virt: bigint, range: { readonly size: number }) => unknown;
  readonly updateFlags: (virt: bigint, flags: bigint, range: { readonly size: number }) => unknown;
}

/** A change of 256 MiB of pages at once, against a loop over as many entries. */
function changeRange(
  name: string,
  floor: (words: Uint32Array, tables: readonly number[], count: number) => void,
  change: (mapper: RangeForms) => unknown,
  isChanged: (entry: number) => boolean,
): Workload {
  return {
    name,
    aim: 3,
    open: () => {
      const full = () => {
        const tables = emptyTables(physicalMemory({ base: 0, buffer: new ArrayBuffer(MIB) }));
        tables.mapper.mapTo(HIGHER_HALF, FRAMES, FLAGS, { size: RANGE });
        return tables;
      };
      const [ours, byHand] = [full(), full()];
      const tables = level1(ours.mapper);
      const saved = ours.words.slice();
      const mapper = ours.mapper as unknown as RangeForms;
      change(mapper);
      const last = ours.words[tables[tables.length - 1] / 4 + 511 * 2];
      if (!isChanged(last)) throw new Error("the last page of the range is as it was");
      return {
        floor: timed({
          prepare: () => byHand.words.set(saved),
          run: () => floor(byHand.words, tables, RANGE / PAGE),
        }),
        kload: timed({ prepare: () => ours.words.set(saved), run: () => change(mapper) }),
      };
    },
  };
}

const unmapping = changeRange(
  "unmap() of 256 MiB / as many entries cleared",
  clearEntries,
  (mapper) => mapper.unmap(HIGHER_HALF, { size: RANGE }),
  (entry) => entry === 0,
);

const updating = changeRange(
  "updateFlags() of 256 MiB / the flags of as many entries replaced",
  (words, tables, count) => replaceFlags(words, tables, count, Number(PRESENT)),
  (mapper) => mapper.updateFlags(HIGHER_HALF, PRESENT, { size: RANGE }),
  (entry) => (entry & 0xfff) === Number(PRESENT),
);

const translation: Workload = {
  name: "translate() / four reads by hand",
  aim: 2.8,
  open: () => {
    const { mapper, words } = million();
    return calls(4 * GIB, (virt) => translate(words, 0, virt), mapper.translate);
  },
};

const walking: Workload = {
  name: "walk() / four steps by hand",
  aim: 2.1,
  open: () => {
    const { mapper, memory, words } = million();
    const entries = new BigUint64Array(memory.buffer);
    return calls(4 * GIB, (virt) => walk(entries, words, 0, virt), mapper.walk);
  },
};

const reading: Workload = {
  name: "read() of 8 bytes / translated and copied by hand",
  aim: 1.5,
  open: async () => {
    const kernel = await loadKernel(bssKernel(64 * MIB));
    const memory = kernel.memory.bytes(0, kernel.memory.size);
    const words = new Uint32Array(memory.buffer);
    return calls(64 * MIB, (virt) => read(memory, words, kernel.level4Frame, virt, 8), (virt) => kernel.read(virt, 8));
  },
};

const listing: Workload = {
  name: "leaves() of 1,048,576 pages / made as objects by hand",
  aim: 1.1,
  open: () => {
    const { mapper, words } = million();
    const tables = level1(mapper);
    return {
      floor: timed({ run: () => visitPages(words, tables, HIGHER_HALF, (page) => last = page) }),
      kload: timed({
        run: () => {
          for (const page of mapper.leaves()) last = page;
          return last;
        },
      }),
    };
  },
};

/** The group. */
export const paging: Group = {
  name: "page tables",
  workloads: [mapTo, unmapping, updating, translation, walking, reading, listing],
};
