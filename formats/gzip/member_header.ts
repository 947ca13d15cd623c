/**
 * The header of a gzip member (RFC 1952, "Member header and trailer"). A load needs nothing from it, so it is only
 * checked and skipped.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { PackedInput } from "../input/packed_input.ts";
import { damaged, truncated } from "../unpack_error.ts";

/** ID1 and ID2. */
const MAGIC = 0x8b1f;
/** CM: deflate. */
const DEFLATE = 8;
/** FLG. */
const FHCRC = 0x02;
const FEXTRA = 0x04;
const FNAME = 0x08;
const FCOMMENT = 0x10;
const RESERVED = 0xe0;

/**
 * Takes bytes of a member.
 *
 * @param input The gzip data.
 * @param count How many.
 * @returns All of them. Rejects if there are fewer.
 */
export async function takeAll(input: PackedInput, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw truncated("gzip");
  return bytes;
}

/**
 * Takes the header of the next member, if there is one. As for `gzip -d`, zero padding and any other bytes that do not
 * start a member end the data, and a single nonzero byte counts as a truncated member.
 *
 * @param input The gzip data, at its start or after a member.
 * @returns Whether there is a member. Rejects if its header is damaged.
 */
export async function takeHeader(input: PackedInput): Promise<boolean> {
  const magic = await input.take(2);
  if (magic.length === 1 && magic[0] !== 0) throw truncated("gzip");
  if ((magic[0] | magic[1] << 8) !== MAGIC) return false;

  let checksum = crc32(magic);
  const take = async (count: number): Promise<Uint8Array> => {
    const bytes = await takeAll(input, count);
    checksum = crc32(bytes, checksum);
    return bytes;
  };
  const takeUint16 = async (): Promise<number> => {
    const [low, high] = await take(2);
    return low | high << 8;
  };
  const skipString = async (): Promise<void> => {
    for (let end = 0; end === 0;) {
      const bytes = await input.next();
      if (bytes.length === 0) throw truncated("gzip");
      end = bytes.indexOf(0) + 1;
      const length = end || bytes.length;
      checksum = crc32(bytes.subarray(0, length), checksum);
      input.putBack(bytes.subarray(length));
    }
  };

  const [method, flags] = await take(8);
  if (method !== DEFLATE) throw damaged("gzip", `unknown compression method ${method}`);
  if (flags & RESERVED) throw damaged("gzip", `reserved flags are set (0x${flags.toString(16)})`);
  if (flags & FEXTRA) await take(await takeUint16());
  if (flags & FNAME) await skipString();
  if (flags & FCOMMENT) await skipString();
  if (flags & FHCRC) {
    const expected = checksum & 0xffff;
    if (await takeUint16() !== expected) throw damaged("gzip", "a header does not match its checksum");
  }
  return true;
}
