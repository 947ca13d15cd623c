/** Loaders that need only a kernel's headers and notes read only these. */

import { assert, assertEquals } from "@std/assert";
import { readModel } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import { cloudHypervisor } from "../../loaders/cloud_hypervisor.ts";
import { firecracker } from "../../loaders/firecracker.ts";
import { openVmm } from "../../loaders/openvmm.ts";
import { qemuKernel } from "../../loaders/qemu_kernel.ts";
import { dataAt, entryNote, pvhKernel } from "./pvh_kernels.ts";

const LENGTH = 2 ** 24;

/** A kernel of 16 MiB with its notes in the middle. */
const LARGE = pvhKernel({
  notes: entryNote(),
  noteHeader: { offset: LENGTH / 2 },
  more: [dataAt(0x20_0000n, { offset: 0x2000, data: new Uint8Array(LENGTH / 4).fill(1) })],
  length: LENGTH,
});

for (const loader of [qemuKernel, firecracker, cloudHypervisor, openVmm]) {
  Deno.test(`${loader.name} reads the first part and the notes of a large kernel, and little else`, async () => {
    const readAt = (offset: number, buffer: Uint8Array): number => {
      const piece = LARGE.subarray(offset, offset + buffer.length);
      buffer.set(piece);
      return piece.length;
    };
    const file = keepFile({ size: LENGTH, readAt });
    const { outcome, message } = await loader.judge(await readModel(file, loader.parts), { memory: 2 ** 28 }, file);
    assertEquals(outcome, "boots", message);
    assert(file.bytesRead < 2 ** 17, `${file.bytesRead} bytes`);
  });

  Deno.test(`${loader.name} reads of a stream nothing past what it needs`, async () => {
    const file = keepFile(ReadableStream.from([LARGE]).pipeThrough(chunksOf(2 ** 16)));
    const { outcome, message } = await loader.judge(await readModel(file, loader.parts), { memory: 2 ** 28 }, file);
    assertEquals(outcome, "boots", message);
    assert(file.bytesRead <= LENGTH / 2 + 2 ** 17, `${file.bytesRead} bytes`);
  });
}

function chunksOf(size: number): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (bytes, controller) => {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
    },
  });
}
