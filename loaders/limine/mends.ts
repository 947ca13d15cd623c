/**
 * What several of Limine's rules advise.
 *
 * @module
 */

/** How to have a kernel that is not moved. */
export const LINK_STATIC = "link without `-pie` (`-no-pie`, `-C relocation-model=static`), so that the type is ET_EXEC";

/** How to begin a segment on a page of its own. */
export const PAGE_OF_ITS_OWN = "begin each segment on a page of its own: `. = ALIGN(CONSTANT(MAXPAGESIZE));`";

/** How to link in the higher half. */
export const LINK_HIGH = "link at 0xffffffff80000000 or above: `. = 0xffffffff80000000;` before the first section";
