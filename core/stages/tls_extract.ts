/**
 * The stage tls-extract: finds the template for thread-local storage.
 *
 * @module
 */

import { PT_TLS } from "../elf/constants.ts";
import { LoadError } from "../errors.ts";
import { type Reads, type SegmentStage, segmentStage } from "../pipeline/stage.ts";

/** Finds the template in the `PT_TLS` segment, of which there may be only one (gABI, "Thread-Local Storage"). */
export const tlsExtract: SegmentStage<
  "tls-extract",
  Reads<"segments" | "virtualAddressOffset" | "tlsTemplate?">,
  Partial<Reads<"tlsTemplate">>
> = segmentStage(
  "tls-extract",
  { needs: ["segments", "virtualAddressOffset", "tlsTemplate?"], adds: ["tlsTemplate"] },
  (segment, { segments, tlsTemplate, virtualAddressOffset }) => {
    const { index, p_type, p_vaddr, p_filesz, p_memsz, p_align } = segment;
    if (p_type !== PT_TLS) return {};
    if (tlsTemplate) {
      const otherIndex = segments.findIndex((other) => other.p_type === PT_TLS);
      throw new LoadError("tls-repeated", { index, field: "p_type", value: PT_TLS, otherIndex });
    }
    const startAddr = BigInt.asUintN(64, p_vaddr + virtualAddressOffset);
    return { tlsTemplate: { startAddr, fileSize: p_filesz, memSize: p_memsz, align: p_align } };
  },
);
