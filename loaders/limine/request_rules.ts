/**
 * Limine's rules on a kernel's base revision tag and requests.
 *
 * @module
 */

import { hexAddr } from "../../core/hex.ts";
import { MAX_REQUESTS } from "../../protocols/limine/magic.ts";
import type { Breach, Rule } from "../rule.ts";
import { describePlace } from "./places.ts";
import type { FoundRequest } from "./requests.ts";
import type { LimineView } from "./view.ts";

/** There are two base revision tags. */
export const revisionTwice: Rule<LimineView> = {
  id: "duplicate-base-revision",
  outcome: "refuses",
  words: "limine: Duplicated base revision tag",
  broken: (view) => {
    const twice = view.requests().revisionTwice;
    if (!twice) return undefined;
    const [first, second] = twice;
    const message = `There are two base revision tags: ${describePlace(first)} asks for revision ${first.word(2)}, ` +
      `${describePlace(second)} for ${second.word(2)}.`;
    return { index: second.index, offset: second.offset, message };
  },
  about: "The image has two base revision tags, with no start marker between them. Limine 8 accepts a second one if " +
    "the first asks for revision 0.",
  why: "A kernel is made for one base revision.",
  mend: "Define the tag in one source file only: `LIMINE_BASE_REVISION` is not for a header that several include.",
  source: 'Limine, common/protos/limine.c: limine_load; protocol specification, "Base revision"',
};

/** Two requests have one id. */
export const requestTwice: Rule<LimineView> = {
  id: "duplicate-request",
  outcome: "refuses",
  broken: (view) => {
    const twice = view.requests().requestTwice;
    if (!twice) return undefined;
    const [first, second] = twice;
    const id = [second.word(2), second.word(3)].map(hexAddr).join(" ");
    const what = second.name ? `The ${second.name} request` : `The request with id ${id}`;
    const message = `${what} appears twice: at ${describePlace(first)} and at ${describePlace(second)}.`;
    return { ...placeOf(second), message, words: `limine: Conflict detected for request ID ${id}` };
  },
  about: "Two requests in the image have the same id, with no start marker between them.",
  why: "Limine could answer only one of them, and the other's code would find no response.",
  mend: "Define each request in one source file only, and declare it in the others (`extern`).",
  source: 'Limine, common/protos/limine.c: limine_load; protocol specification, "Requests"',
};

/** The section with the list of requests points outside the image. */
export const listedOutside: Rule<LimineView> = {
  id: "request-list-outside",
  outcome: "refuses",
  words: "limine: .limine_reqs entry outside kernel image",
  broken: (view) => {
    const { listedOutside: address, scanEnd } = view.requests();
    if (address === undefined) return undefined;
    const message = `The section .limine_reqs lists a request at ${hexAddr(address)}, and Limine looks at ` +
      `${hexAddr(view.start)} to ${hexAddr(scanEnd)} only.`;
    return { message };
  },
  about: "A kernel of base revision 0 has a section `.limine_reqs`, and an address in it is outside the image, or in " +
    "the bss at its end.",
  why: "Requests are initialized data, so Limine expects them in the file bytes of a segment.",
  mend: "Place requests in .data, and ask for a newer base revision, which needs no list.",
  source: "Limine 12, common/protos/limine.c: limine_load",
};

/** There are too many requests. */
export const tooManyRequests: Rule<LimineView> = {
  id: "too-many-requests",
  outcome: "refuses",
  words: "limine: Maximum requests exceeded",
  broken: (view) => {
    const { tooMany } = view.requests();
    if (!tooMany) return undefined;
    const message = `The request at ${describePlace(tooMany)} is number ${
      MAX_REQUESTS + 1
    }, one more than Limine accepts.`;
    return { ...placeOf(tooMany), message };
  },
  about: `The image has more than ${MAX_REQUESTS} requests.`,
  why: "Limine's list of requests has no room for more.",
  mend: `Remove requests: the specification defines fewer than ${MAX_REQUESTS}.`,
  source: "Limine, common/protos/limine.c: limine_load",
};

/** The paging modes of a kernel's request: its default, the highest, the lowest. 0 is 4 levels, 1 is 5. */
interface PagingModes {
  readonly request: FoundRequest;
  readonly highest: bigint;
  readonly lowest: bigint;
}

function pagingModes(view: LimineView): PagingModes | undefined {
  const request = view.requests().requests.find(({ name }) => name === "paging mode");
  if (!request) return undefined;
  const hasRange = request.word(4) >= 1n;
  const mode = (number: number): bigint => BigInt.asIntN(32, request.word(number));
  return { request, highest: hasRange ? mode(7) : mode(6), lowest: hasRange ? mode(8) : 0n };
}

/** How a version of Limine calls a kernel. */
type KernelWord = "Kernel" | "Executable";

/**
 * The range of a kernel's paging modes is empty.
 *
 * @param word How the version of Limine calls a kernel.
 * @returns The rule.
 */
export function pagingModeRange(word: KernelWord): Rule<LimineView> {
  return {
    id: "paging-mode-range",
    outcome: "refuses",
    words: `limine: ${word}'s paging max_mode lower than min_mode`,
    broken: (view) => {
      const modes = pagingModes(view);
      if (!modes || modes.highest >= modes.lowest) return undefined;
      const message = `The paging mode request at ${describePlace(modes.request)} has a highest mode ` +
        `(${modes.highest}) below its lowest (${modes.lowest}).`;
      return { ...placeOf(modes.request), message };
    },
    about: "The paging mode request has a max_mode below its min_mode.",
    why: "There is no mode in that range.",
    mend: "Order the fields as in limine.h: mode, max_mode, min_mode.",
    source: 'Limine, common/protos/limine.c: limine_load; protocol specification, "Paging Mode Feature"',
  };
}

/**
 * A kernel asks for more levels of page tables than a processor may have.
 *
 * @param word How the version of Limine calls a kernel.
 * @returns The rule.
 */
export function pagingModeUnsupported(word: KernelWord): Rule<LimineView> {
  return {
    id: "paging-mode-unsupported",
    outcome: "refuses",
    broken: (view) => {
      const modes = pagingModes(view);
      if (!modes || (modes.lowest <= 0n && modes.highest >= 0n)) return undefined;
      const { request, lowest, highest } = modes;
      const at = `The paging mode request at ${describePlace(request)}`;
      if (highest < 0n) {
        const words = `limine: ${word}'s maximum supported paging mode lower than minimum allowable paging mode`;
        return { ...placeOf(request), words, message: `${at} has the highest mode ${highest}; modes start at 0.` };
      }
      const words = `limine: ${word}'s minimum supported paging mode higher than maximum allowable paging mode`;
      const message =
        `${at} has the lowest mode ${lowest}, and a processor without 5-level paging supports only mode 0.`;
      return { ...placeOf(request), words, message };
    },
    about: "The paging mode request has a lowest mode above 0 (4 levels), or a highest mode below 0.",
    why: "Processors without LA57, and QEMU's default one, have no 5-level paging.",
    mend: "Ask for a lowest mode of 0 and look at the mode in the response; or require a processor with LA57.",
    source: 'Limine, common/protos/limine.c: limine_load; protocol specification, "Paging Mode Feature"',
  };
}

function placeOf({ index, offset }: FoundRequest): Pick<Breach, "index" | "offset"> {
  return { ...(index === undefined ? {} : { index }), ...(offset === undefined ? {} : { offset }) };
}
