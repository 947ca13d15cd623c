/** Builds notes for tests. */

import { concat } from "@std/bytes/concat";

/** What a note is made of; sizes that are left out are those of the parts. */
export interface NoteSpec {
  readonly owner: string;
  readonly type: number;
  readonly desc?: Uint8Array;
  readonly align?: number;
  readonly namesz?: number;
  readonly descsz?: number;
}

/** Bytes of a note, padded to its alignment. */
export function note({ owner, type, desc = new Uint8Array(), align = 4, namesz, descsz }: NoteSpec): Uint8Array {
  const name = new TextEncoder().encode(owner === "" ? "" : `${owner}\0`);
  const header = words(namesz ?? name.length, descsz ?? desc.length, type);
  return padded(concat([padded(concat([header, name]), align), desc]), align);
}

/** Little-endian 32-bit words. */
export function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, at) => view.setUint32(at * 4, value, true));
  return bytes;
}

function padded(bytes: Uint8Array, align: number): Uint8Array {
  return concat([bytes, new Uint8Array(-bytes.length & (align - 1))]);
}
