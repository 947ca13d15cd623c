/**
 * Unpacks compressed kernels: takes off one container after the other, up to what a loader reads.
 *
 * @module
 */

import { hasElfMagic } from "../core/elf/elf_magic.ts";
import { type ByteReader, type KernelSource, openSource } from "../core/intake/source.ts";
import { type Pause, pauses } from "../core/intake/pause.ts";
import { unlessAborted } from "../core/intake/unless_aborted.ts";
import { openPayload } from "./bzimage/payload.ts";
import { payloadRange, readSetupHeader } from "./bzimage/setup_header.ts";
import { decoderOf, isUnpacked } from "./decoders.ts";
import type { FileFormat, FormatName } from "./format.ts";
import { identify } from "./identify.ts";
import { decoded } from "./input/decoded.ts";
import { peek, type Peeked } from "./input/peek.ts";
import { UnpackError } from "./unpack_error.ts";

/** How to unpack. */
export interface UnpackOptions {
  /**
   * The most bytes that a container may unpack to. A read past them rejects. Decoders themselves have no more than
   * 160 MiB each. Default: 4 GiB.
   */
  readonly maxMemory?: number;
  /** Aborts every wait and the decoding, which then reject with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The containers to take off; at the first of another format, unpacking ends. Default: all. */
  readonly only?: readonly FormatName[];
  /**
   * Returns the compiled code of liblzma, which xz and lzma data need: that of `liblzma.wasm` in the package node-liblzma.
   * Default: the package reads its file, for which Deno needs a permission, or in a browser fetches it from where the
   * module is, which a bundler may have changed.
   */
  readonly liblzma?: () => Promise<WebAssembly.Module>;
}

/** A file without its containers. */
export interface Unpacked {
  /**
   * Reads what is in the containers, or the file as it is if it has none. A read rejects with an
   * {@linkcode UnpackError} if the data is damaged: then nothing read before can be trusted either.
   */
  readonly source: ByteReader;
  /** The containers that were unpacked, from the outermost on. */
  readonly layers: readonly FileFormat[];
  /** What is in them, by its first bytes; a disk image is recognized only if nothing else is. */
  readonly format: FileFormat;
  /**
   * Reads on to the end of every container, where most have a checksum, unless that is too far. Rejects if the data is
   * damaged. What is read is lost.
   */
  readonly check: () => Promise<void>;
  /** Stops decoding and releases the source. */
  readonly close: () => Promise<void>;
}

/** The limit of a load. */
const MAX_MEMORY = 2 ** 32;

/** How many containers may be nested: a bzImage with zstd, in gzip, is three. */
const MAX_LAYERS = 4;

/** The most bytes to unpack on the way to the last checksum: the data may be a decompression bomb. */
const CHECKED = 64 * 2 ** 20;

/** How many bytes show a container, a bzImage, and anything. */
const CONTAINER_HEAD = 18;
const BZIMAGE_HEAD = 0x250;
const WHOLE_HEAD = 0x9000;

/**
 * Takes off the containers that a kernel is in: gzip, xz (with the x86 filter too), zstd, lz4 (frames and the legacy
 * format), bzip2, lzma, and the Linux kernel image (bzImage), also nested. Data is unpacked as it is read. A
 * container that cannot be unpacked, such as lzo, is left on.
 *
 * @param source Where the file's bytes come from; read no further than is needed to see what it is.
 * @param options Limit and signal.
 * @returns What is in the containers, to be passed to `loadKernel`.
 * @throws {UnpackError} If a container is damaged so that not even its beginning can be read, or there are too many.
 * @throws {TypeError} If the source is not one.
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { loadKernel } from "@kload/kload";
 * import { unpack } from "@kload/kload/formats";
 *
 * using file = await Deno.open(new URL(import.meta.resolve("../tests/fixtures/field/kernel.elf.zst")));
 * const { source, layers, check } = await unpack(file);
 * const { entryPoint } = await loadKernel(source);
 * await check();
 * assertEquals([layers[0].name, entryPoint], ["zstd", 0xffffffff80001000n]);
 * ```
 */
export async function unpack(source: KernelSource, options: UnpackOptions = {}): Promise<Unpacked> {
  const { maxMemory = MAX_MEMORY, signal, liblzma, only } = options;
  const file = openSource(source);
  const pause = pauses(signal);
  const closers: (() => void)[] = [];
  const close = async (): Promise<void> => {
    for (const each of closers.toReversed()) each();
    await file.close();
  };
  const read = async (buffer: Uint8Array): Promise<number | null> => {
    signal?.throwIfAborted();
    const turn = pause();
    if (turn) await turn;
    const count = await unlessAborted(file.read(buffer), signal);
    return count === 0 && buffer.length > 0 ? null : count;
  };
  try {
    const layers: FileFormat[] = [];
    const readers: ByteReader[] = [];
    let reader: ByteReader = { read };
    let recordedSize: (() => Promise<number>) | undefined;
    for (;;) {
      const seen = await look(reader);
      const { format } = seen;
      reader = seen.reader;
      if (!seen.isContainer || only?.includes(format.name) === false) {
        return { source: reader, layers, format, check: () => drain(readers, pause), close };
      }
      if (layers.length === MAX_LAYERS) {
        throw new UnpackError(format.name, `there are more than ${MAX_LAYERS} nested containers`);
      }
      layers.push(format);
      if (seen.payload) {
        const payload = await openPayload(reader, seen.payload);
        reader = payload.reader;
        recordedSize = payload.recordedSize;
      } else {
        const decode = (await decoderOf(format.name))!;
        const content = decoded(decode, reader, { liblzma });
        closers.push(content.close);
        reader = bounded(content, format, { maxMemory, pause, recordedSize });
        recordedSize = undefined;
      }
      readers.push(reader);
    }
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the first bytes show. */
interface Seen extends Pick<Peeked, "reader"> {
  readonly format: FileFormat;
  readonly isContainer: boolean;
  /** The range of the compressed kernel in a bzImage. */
  readonly payload?: { readonly offset: number; readonly length: number };
}

/** Looks at no more bytes than are needed: a stream may not have them yet. */
async function look(file: ByteReader): Promise<Seen> {
  let { head, reader } = await peek(file, CONTAINER_HEAD);
  let format = identify(head);
  if (hasElfMagic(head)) return { reader, format, isContainer: false };
  if (isUnpacked(format.name)) return { reader, format, isContainer: true };
  ({ head, reader } = await peek(reader, BZIMAGE_HEAD));
  format = identify(head);
  if (!["unknown", "boot-sector", "pe", "bzimage"].includes(format.name)) return { reader, format, isContainer: false };
  ({ head, reader } = await peek(reader, WHOLE_HEAD));
  format = identify(head);
  const payload = format.name === "bzimage" ? payloadRange(readSetupHeader(head)) : undefined;
  if (!payload || format.advice) return { reader, format, isContainer: false };
  return { reader, format, isContainer: true, payload };
}

/** What a container's content must satisfy. */
interface Bounds {
  readonly maxMemory: number;
  readonly pause: Pause;
  /** Its size, if what is around the container records that. */
  readonly recordedSize?: () => Promise<number>;
}

/** Reads the content of a container up to the limit, and compares its size. */
function bounded(content: ByteReader, { name }: FileFormat, { maxMemory, pause, recordedSize }: Bounds): ByteReader {
  let total = 0;
  const read = async (buffer: Uint8Array): Promise<number | null> => {
    const turn = pause();
    if (turn) await turn;
    const count = await content.read(buffer);
    total += count ?? 0;
    if (total > maxMemory) {
      throw new UnpackError(name, `the ${name} data unpacks to more than the limit, which is ${maxMemory} bytes`, {
        hint: "If the kernel is meant to be that large, raise the limit (maxMemory). Otherwise do not trust the file.",
      });
    }
    const size = count === null ? await recordedSize?.() : undefined;
    if (size !== undefined && size !== total) {
      throw new UnpackError("bzimage", `the bzImage is damaged: its kernel has ${total} bytes, and it records ${size}`);
    }
    return count;
  };
  return { read };
}

/** Reads on, from the innermost container to the outermost. */
async function drain(readers: readonly ByteReader[], pause: Pause): Promise<void> {
  const buffer = new Uint8Array(2 ** 20);
  let left = CHECKED;
  for (const { read } of readers.toReversed()) {
    while (left > 0) {
      const turn = pause();
      if (turn) await turn;
      const count = await read(buffer);
      if (count === null) break;
      left -= count;
    }
  }
}
