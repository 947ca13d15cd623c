import type { Bits } from "./unbzip2.d.ts";

/** Reads bits of buffers, the first of which it takes at once; none may be empty. */
export default function bitIterator(nextBuffer: () => Uint8Array): Bits;
