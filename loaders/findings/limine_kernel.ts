/**
 * What the findings about kernels for Limine have in common.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import type { LiminePlace, LimineProtocol, LimineRequest } from "../../protocols/limine.ts";
import type { Inspected } from "../finding.ts";

/**
 * Finds what a kernel says to Limine.
 *
 * @param inspected The file.
 * @returns It; `undefined` if the file is not for Limine.
 */
export function limineProtocol({ protocols }: Inspected): LimineProtocol | undefined {
  return protocols.find((protocol): protocol is LimineProtocol => protocol.name === "limine");
}

/**
 * Names a request and says where it is, at the start of a sentence.
 *
 * @param request The request.
 * @returns Text such as "The HHDM request at 0xffffffff80002000 (file offset 0x2000)".
 */
export function describeRequest(
  { name, id, ...place }: Pick<LimineRequest, "name" | "id" | keyof LiminePlace>,
): string {
  const what = name ? `The ${name} request` : `The request with the unknown id ${id.map(hexAddr).join(" ")}`;
  return `${what} at ${describePlace(place)}`;
}

/**
 * Says where something is.
 *
 * @param place The place.
 * @returns Text such as "0xffffffff80002000 (file offset 0x2000)".
 */
export function describePlace({ address, offset }: Pick<LiminePlace, "address" | "offset">): string {
  return `${hexAddr(address)} (file offset ${hexAddr(offset)})`;
}
