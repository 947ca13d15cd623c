/** Memory handed to a load: full of old bytes, counted, and compared afterwards. */

import { Buffer } from "node:buffer";
import { type PhysicalMemory, physicalMemory } from "../../mod.ts";
import { randomOf } from "./random.ts";

const PAGE = 4096;

/** Old bytes; windows are filled with the first of them. */
const OLD: Uint8Array<ArrayBuffer> = randomOf(7, 7).bytes(4 * 2 ** 20);

/** A memory with a count of the work that is done in it. */
export interface Window {
  readonly memory: PhysicalMemory;
  /** All of its bytes. */
  readonly bytes: Uint8Array;
  /** Number of views that were asked for, and of the bytes in them. */
  readonly work: { views: number; bytes: number };
}

/** Opens a window full of old bytes. */
export function openWindow(base: number, size: number, shared: boolean): Window {
  const buffer = shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  bytes.set(OLD.subarray(0, size));
  const memory = physicalMemory({ base, buffer });
  const work = { views: 0, bytes: 0 };
  const counted: PhysicalMemory = {
    ...memory,
    bytes: (address, length) => {
      work.views++;
      work.bytes += length;
      return memory.bytes(address, length);
    },
  };
  return { memory: counted, bytes, work };
}

/** The old bytes of a page of a window, by its offset. */
export function oldPage(offset: number): Uint8Array {
  return OLD.slice(offset, offset + PAGE);
}

/** Whether two byte arrays of one length are equal. */
export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  const view = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, length);
  return view(one).equals(view(other));
}

/** Offsets of the pages whose content changed, among those that may not. */
export function changedPages({ bytes }: Window, mayChange: (offset: number) => boolean): number[] {
  const changed: number[] = [];
  for (let from = 0; from < bytes.length;) {
    if (mayChange(from)) {
      from += PAGE;
      continue;
    }
    let to = from + PAGE;
    while (to < bytes.length && !mayChange(to)) to += PAGE;
    if (!isEqual(bytes.subarray(from, to), OLD.subarray(from, to))) {
      for (let at = from; at < to; at += PAGE) {
        if (!isEqual(bytes.subarray(at, at + PAGE), OLD.subarray(at, at + PAGE))) changed.push(at);
      }
    }
    from = to;
  }
  return changed;
}
