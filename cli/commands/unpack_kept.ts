/**
 * Opens the contents of a compressed file, as a file that is kept too.
 *
 * @module
 */

import { HEAD_SIZE } from "../../core/file/file_model.ts";
import { keepFile } from "../../core/file/kept_file.ts";
import type { FormatName } from "../../formats/format.ts";
import type { ByteReader } from "../../mod.ts";
import { liblzma } from "../input/liblzma.ts";
import { type Inside, MOST_KEPT, type OpenInside } from "./inspect_file.ts";

/**
 * Opens the contents of compressed files: one container after the other, and the kernel in a bzImage.
 *
 * @param signal Ends the reading.
 * @returns A function that opens it.
 */
export function unpackKept(signal: AbortSignal): OpenInside {
  return async (file, { name }) => {
    const opened = name === "bzimage"
      ? await openKernel(file.reader(), file.bytes(0, HEAD_SIZE))
      : await openContent(file.reader(), name);
    if (!opened) return undefined;
    return { file: keepFile(opened.reader, { maxMemory: MOST_KEPT, signal }), close: opened.close };
  };
}

/** What is unpacked. */
interface Content {
  readonly reader: ByteReader;
  readonly close: Inside["close"];
}

async function openContent(packed: ByteReader, name: FormatName): Promise<Content | undefined> {
  const [{ decoderOf }, { decoded }] = await Promise.all([
    import("../../formats/decoders.ts"),
    import("../../formats/input/decoded.ts"),
  ]);
  const decode = await decoderOf(name);
  if (!decode) return undefined;
  const reader = decoded(decode, packed, { liblzma });
  return { reader, close: reader.close };
}

/** The kernel in a bzImage may be compressed by any container, or by none. */
async function openKernel(image: ByteReader, head: Uint8Array): Promise<Content | undefined> {
  const [{ payloadRange, readSetupHeader }, { openPayload }, { peek }, { identify }] = await Promise.all([
    import("../../formats/bzimage/setup_header.ts"),
    import("../../formats/bzimage/payload.ts"),
    import("../../formats/input/peek.ts"),
    import("../../formats/identify.ts"),
  ]);
  const payload = payloadRange(readSetupHeader(head));
  if (!payload) return undefined;
  const { head: start, reader } = await peek((await openPayload(image, payload)).reader, HEAD_SIZE);
  const { name } = identify(start);
  return name === "elf" ? { reader, close: () => {} } : await openContent(reader, name);
}
