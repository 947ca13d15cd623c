/**
 * Requests of kernels for Limine that no loader answers, or not every one.
 *
 * @module
 */

import { PT_LOAD, SHT_NOBITS } from "../../core/elf/constants.ts";
import { hexAddr } from "../../core/hex.ts";
import { requestName } from "../../protocols/limine/magic.ts";
import { findTags } from "../../protocols/limine/tags.ts";
import type { FindingRule, Inspected } from "../finding.ts";
import { readImage } from "../limine/image.ts";
import { scanEndOf } from "../limine/requests.ts";
import type { Breach } from "../rule.ts";
import { describePlace, describeRequest, limineProtocol } from "./limine_kernel.ts";

/** What the C library and the Rust crate of the protocol name sections, and what linker scripts do. */
const REQUEST_SECTION = /^\.(limine_requests?|limine_reqs|requests)(_start|_end)?(_marker)?$/;

/** Requests that lie where memory is zeroed. */
export const requestInBss: FindingRule = {
  id: "request-in-bss",
  severity: "error",
  parts: ["image", "sections"],
  find: (inspected) => {
    const limine = limineProtocol(inspected);
    if (!limine) return [];
    const requests = limine.requests.filter(({ reachesBss }) => reachesBss).map((request): Breach => {
      const { index, offset } = request;
      const message =
        `${describeRequest(request)} begins in the file bytes of program header ${index} and ends after ` +
        "them, where memory is zeroed.";
      return { index, offset, message };
    });
    const sections = inspected.model.elf?.sections ?? [];
    const empty = sections.filter(({ name, sh_type, sh_size }) => {
      return REQUEST_SECTION.test(name) && sh_type === SHT_NOBITS && sh_size > 0n;
    });
    return [
      ...requests,
      ...empty.map(({ name, sh_addr }) => ({
        message:
          `The section ${name} at ${hexAddr(sh_addr)} has no bytes in the file (SHT_NOBITS): the requests in it ` +
          "are zero, and no loader sees them.",
      })),
    ];
  },
  about: "A request lies in the bss, wholly or in part, or a section for requests has no bytes in the file.",
  why: "Loaders find a request by its id, which has to be in the file.",
  mend: "Give requests an initial value, keep them out of .bss, and list their section before the first one without " +
    "bytes: `.data : { *(.data .data.*) KEEP(*(.limine_requests)) }`.",
  source: 'Limine protocol specification, "Requests"; Limine, common/protos/limine.c: limine_load',
};

/** Requests that lie outside the markers. */
export const requestOutsideMarkers: FindingRule = {
  id: "request-outside-markers",
  severity: "error",
  parts: ["image"],
  find: (inspected) => {
    const limine = limineProtocol(inspected);
    if (!limine) return [];
    return limine.requests.filter(({ outside }) => outside).map((request) => {
      const { index, offset, outside } = request;
      const start = limine.startMarkers.findLast(({ address }) => address > request.address);
      const marker = outside === "before the start marker" ? start : limine.endMarkers[0];
      const at = marker ? ` at ${describePlace(marker)}` : "";
      return { index, offset, message: `${describeRequest(request)} lies ${outside}${at}: loaders do not answer it.` };
    });
  },
  about: "A request lies before the last start marker or after the first end marker.",
  why: "Markers tell loaders where requests are; those outside are not looked at. The response stays null.",
  mend: "Order them in the linker script: `KEEP(*(.limine_requests_start)) KEEP(*(.limine_requests)) " +
    "KEEP(*(.limine_requests_end))`, in one output section.",
  source: 'Limine protocol specification, "Requests Delimiters"; Limine, common/protos/limine.c: limine_load',
};

/** Requests at addresses that are not a multiple of 8. */
export const requestUnaligned: FindingRule = {
  id: "request-unaligned",
  severity: "error",
  parts: ["image"],
  find: (inspected) => {
    if (!limineProtocol(inspected)) return [];
    const { model } = inspected;
    const loads = model.elf?.programHeaders.filter(({ p_type, p_memsz }) => p_type === PT_LOAD && p_memsz > 0n) ?? [];
    const tags = [1n, 2n, 3n, 4n, 5n, 6n, 7n].flatMap((origin) => findTags(model, loads, origin));
    return tags.filter(({ kind }) => kind === "request" || kind === "base-revision").map((tag) => {
      const { kind, index, offset, address } = tag;
      const id = [tag.word(2), tag.word(3)] as const;
      const name = requestName(id);
      const what = kind === "request"
        ? describeRequest({ id, index, offset, address, ...(name === undefined ? {} : { name }) })
        : `The base revision tag at ${describePlace(tag)}`;
      return { index, offset, message: `${what} is not at a multiple of 8: loaders do not see it.` };
    });
  },
  about: "A request or a base revision tag lies at an address that is not a multiple of 8.",
  why: "Loaders look at every eighth byte of the image only.",
  mend: "Align it: `__attribute__((aligned(8)))` in C, `#[repr(C, align(8))]` in Rust, no `packed`.",
  source: 'Limine protocol specification, "Features"; Limine, common/protos/limine.c: limine_load',
};

/** Requests that one version of Limine sees and another does not. */
export const requestSeenDifferently: FindingRule = {
  id: "request-seen-differently",
  severity: "warning",
  parts: ["image"],
  find: findSeenDifferently,
  about: "Limine 8 and Limine 12 do not see the same requests, or not the same base revision tag: a segment with a " +
    "large bss comes last in the program header table, and one with requests lies above it.",
  why: "Limine does not look for requests in the bss at the end of the image. Limine 8 takes that to be the bss of " +
    "the last program header, wherever that segment lies, and so may stop before it reaches the requests; later " +
    "versions take the bss of the segment at the highest address.",
  mend: "Make the segment at the highest address the last one in PHDRS, with .bss at its end; or place the requests " +
    "in an earlier segment.",
  source: "Limine, common/lib/elf.c: elf64_load (image_size_before_bss)",
};

function findSeenDifferently(inspected: Inspected): readonly Breach[] {
  const limine = limineProtocol(inspected);
  if (!limine) return [];
  const view = (isChecked: boolean) => {
    return readImage({ newestRevision: 0, isChecked, randomizes: false }, inspected.model, 0);
  };
  const [older, newer] = [view(false), view(true)];
  const [olderEnd, newerEnd] = [scanEndOf(older), scanEndOf(newer)];
  const last = older.loads.at(-1);
  if (!last || olderEnd >= newerEnd) return [];
  const bss = hexAddr(last.p_memsz - last.p_filesz);
  const because = `which stops at ${hexAddr(olderEnd)}: it subtracts the bss of program header ${last.index} ` +
    `(${bss} bytes) from the end of the image, though the bss is not there`;
  const isHidden = ({ address }: { readonly address: bigint }): boolean => address >= olderEnd && address < newerEnd;
  const tags = limine.revisionTags.filter(isHidden).map((tag) => {
    const what = `The base revision tag at ${describePlace(tag)}`;
    return { ...tag, message: `${what} is seen by Limine 12, but not by Limine 8, ${because}.` };
  });
  const requests = limine.requests.filter((request) => isHidden(request) && !request.outside).map((request) => {
    return {
      ...request,
      message: `${describeRequest(request)} is seen by Limine 12, but not by Limine 8, ${because}.`,
    };
  });
  return [...tags, ...requests].map(({ index, offset, message }) => ({ index, offset, message }));
}
