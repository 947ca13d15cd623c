/** Snapshots: posted to a worker and opened there, a kernel has the same answers. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { explainAddress } from "../../explain/address/explain_address.ts";
import { type KernelSnapshot, openSnapshot, snapshot, snapshotTransfer } from "../../explain/snapshot.ts";
import { type AnyPlugin, type LoadedKernel, loadKernel, physicalMemory } from "../../mod.ts";
import { presets } from "../../plugins/presets.ts";
import { sections } from "../../plugins/sections.ts";

const PIE = await Deno.readFile(new URL("../../examples/hello/hello-pie.elf", import.meta.url));

type Kernel = LoadedKernel<readonly AnyPlugin[]>;

async function load(options: object = {}): Promise<Kernel> {
  return await loadKernel(PIE, { plugins: [...presets.default.plugins, sections()], ...options });
}

/** The first and the last byte of every run, and what is before and after it. */
function addressesOf(kernel: Kernel): readonly bigint[] {
  return [...kernel.mappings()].flatMap((
    { virt, size },
  ) => [virt - 1n, virt, virt + 0xec8n, virt + BigInt(size) - 1n, virt + BigInt(size)])
    .filter((address) => BigInt.asUintN(64, address) === address);
}

/** Posts a snapshot to a worker, and returns its explanations. */
async function explainInWorker(taken: KernelSnapshot, addresses: readonly bigint[], transfer: Transferable[] = []) {
  const worker = new Worker(new URL("./snapshot_worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage({ taken, addresses, file: PIE }, transfer);
    });
  } finally {
    worker.terminate();
  }
}

Deno.test("a worker explains the addresses of a posted snapshot as they are explained here", async () => {
  const kernel = await load();
  const addresses = addressesOf(kernel);
  const expected = addresses.map((address) => explainAddress(kernel, address, { file: PIE }));
  assert(expected.some(({ why }) => why.some(({ kind }) => kind === "relocated")));
  assertEquals(await explainInWorker(snapshot(kernel), addresses), expected);
  assert(kernel.memory.buffer.byteLength > 0); // the memory was copied on the way
});

Deno.test("a snapshot of a copy can be transferred, and the kernel stays usable", async () => {
  const kernel = await load();
  const addresses = addressesOf(kernel);
  const expected = addresses.map((address) => explainAddress(kernel, address, { file: PIE }));
  const taken = snapshot(kernel, { copy: true });
  assertEquals(await explainInWorker(taken, addresses, snapshotTransfer(taken)), expected);
  assertEquals(taken.memory.buffer.byteLength, 0);
  assertEquals(addresses.map((address) => explainAddress(kernel, address, { file: PIE })), expected);
  assertThrows(() => openSnapshot(taken), TypeError, "its memory was transferred elsewhere");
});

Deno.test("shared memory is posted as it is", async () => {
  const memory = physicalMemory({ base: 0, buffer: new SharedArrayBuffer(0x40_0000) });
  const kernel = await load({ memory });
  const taken = snapshot(kernel);
  assertEquals(snapshotTransfer(taken), []);
  const addresses = addressesOf(kernel);
  assertEquals(
    await explainInWorker(taken, addresses),
    addresses.map((address) => explainAddress(kernel, address, { file: PIE })),
  );
});

Deno.test("an opened snapshot can be taken again, and shows the kernel as it was", async () => {
  const kernel = await load();
  const { entryPoint } = kernel;
  const before = explainAddress(kernel, entryPoint);
  const taken = snapshot(kernel, { copy: true });
  assertEquals(snapshot(openSnapshot(taken)), { ...taken, memory: taken.memory });
  kernel.pageTable.unmap(entryPoint);
  assertEquals(explainAddress(openSnapshot(taken), entryPoint), before);
  assertEquals(explainAddress(kernel, entryPoint).mapped, false);
  assertStrictEquals(openSnapshot(taken).memory.buffer, taken.memory.buffer);
});

Deno.test("functions in the results of plugins are left out of a snapshot, and circles are kept", async () => {
  const circle: Record<string, unknown> = { list: [1n, new Map([["a", new Set([1])]]), () => 1], call: () => 2 };
  circle.self = circle;
  const kernel = { ...await load(), frameRuns: () => [], results: { odd: circle } };
  const { results } = structuredClone(snapshot(kernel as unknown as Kernel));
  const odd = results.odd as typeof circle;
  assertEquals(Object.keys(odd), ["list", "self"]);
  assertStrictEquals(odd.self, odd);
  assertEquals(odd.list, [1n, new Map([["a", new Set([1])]]), undefined]);
});

Deno.test("openSnapshot() refuses anything else, and other versions", async () => {
  const taken = snapshot(await load());
  const others: readonly unknown[] = [undefined, null, 7, "x", {}, [], await load(), { ...taken, kind: "snapshot" }];
  for (const other of others) {
    assertThrows(() => openSnapshot(other as KernelSnapshot), TypeError, "pass what snapshot() returned");
  }
  assertThrows(
    () => openSnapshot({ ...taken, version: 2 } as unknown as KernelSnapshot),
    TypeError,
    "its version is 2",
  );
  for (const key of Object.keys(taken)) {
    if (key === "kind" || key === "version") continue;
    const wrong = { ...taken, [key]: 7n };
    if (key !== "entryPoint" && key !== "virtualAddressOffset") {
      assertThrows(() => openSnapshot(wrong as unknown as KernelSnapshot), TypeError, "missing, or of the wrong type");
    }
    if (key === "tlsTemplate") continue; // a kernel may have none
    const { [key as "frames"]: _, ...rest } = taken;
    assertThrows(() => openSnapshot(rest as KernelSnapshot), TypeError, "missing, or of the wrong type");
  }
});
