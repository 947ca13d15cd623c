/**
 * The stage tls-extract: remembers the template for thread-local storage.
 *
 * @module
 */

import { PT_TLS } from "../elf/constants.ts";
import { LoadError } from "../errors.ts";
import type { Checked, SegmentStage, TlsExtracted } from "../pipeline/stage.ts";

/** Finds the one `PT_TLS` segment (gABI, "Thread-Local Storage"). */
export const tlsExtract: SegmentStage<Checked & Partial<TlsExtracted>, TlsExtracted, "tls-extract"> = {
  name: "tls-extract",
  needs: ["segments"],
  adds: ["tlsTemplate"],
  segment: (phdr, { segments, tlsTemplate, virtualAddressOffset }) => {
    if (phdr.p_type !== PT_TLS) return {};
    if (tlsTemplate) {
      const otherIndex = segments.findIndex(({ p_type }) => p_type === PT_TLS);
      throw new LoadError("tls-repeated", { index: phdr.index, field: "p_type", value: PT_TLS, otherIndex });
    }
    const startAddr = BigInt.asUintN(64, phdr.p_vaddr + virtualAddressOffset);
    return { tlsTemplate: { startAddr, fileSize: phdr.p_filesz, memSize: phdr.p_memsz, align: phdr.p_align } };
  },
};
