/**
 * The magic numbers of the Limine boot protocol (its specification, "Base revision", "Requests delimiters" and
 * "Feature list"): 64-bit words, little-endian, at addresses that are multiples of 8.
 *
 * @module
 */

/** First words of a base revision tag; the third is the revision. */
export const BASE_REVISION_MAGIC: readonly bigint[] = [0xf9562b2d5c95a6c8n, 0x6a7b384944536bdcn];

/** The words of the marker before the first request. */
export const START_MARKER: readonly bigint[] = [
  ...[0xf6b8f4b39de7d1aen, 0xfab91a6940fcb9cfn, 0x785c6ed015d3e316n, 0x181e920a7852b9d9n],
];

/** The words of the marker after the last request. */
export const END_MARKER: readonly bigint[] = [0xadc0e0531bb10d03n, 0x9572709f31764c62n];

/** First words of every request; two more words say what is requested. */
export const REQUEST_MAGIC: readonly bigint[] = [0xc7b1dd30df4c8b88n, 0x0a82e883a194f07bn];

/** Number of bytes of a request that all requests have: four words of id, the revision, the response pointer. */
export const REQUEST_SIZE = 48;

/** Number of requests that a kernel may have. */
export const MAX_REQUESTS = 128;

/** The third and fourth word of each request's id, and its name. */
const REQUESTS: readonly (readonly [first: bigint, second: bigint, name: string])[] = [
  [0xf55038d8e2a1202fn, 0x279426fcf5f59740n, "bootloader info"],
  [0x4b161536e598651en, 0xb390ad4a2f1f303an, "executable command line"],
  [0x8c2f75d90bef28a8n, 0x7045a4688eac00c3n, "firmware type"],
  [0x224ef0460a8e8926n, 0xe1cb0fc25f46ea3dn, "stack size"],
  [0x48dcf1cb8ad2b852n, 0x63984e959a98244bn, "HHDM"],
  [0x9d5827dcd881dd75n, 0xa3148604f6fab11bn, "framebuffer"],
  [0x95c1a0edab0944cbn, 0xa4e5cb3842f7488an, "paging mode"],
  [0x95a67b819a1b857en, 0xa0b61b723b6a73e0n, "MP"],
  [0x67cf3d9d378a806fn, 0xe304acdfc50c3c62n, "memory map"],
  [0x13d86c035a1cd3e1n, 0x2b0caa89d8f3026an, "entry point"],
  [0xad97e90e83f1ed67n, 0x31eb5d1c5ff23b69n, "executable file"],
  [0x3e7e279702be32afn, 0xca1c4f3bd1280ceen, "module"],
  [0xc5e77b6b397e7b43n, 0x27637845accdcf3cn, "RSDP"],
  [0x9e9046f11e095391n, 0xaa4a520fefbde5een, "SMBIOS"],
  [0x5ceba5163eaaf6d6n, 0x0a6981610cf65fccn, "EFI system table"],
  [0x7df62a431d6872d5n, 0xa4fcdfb3e57306c8n, "EFI memory map"],
  [0x502746e184c088aan, 0xfbc5ec83e6327893n, "date at boot"],
  [0x71ba76863cc55f63n, 0xb2644a48c516a487n, "executable address"],
  [0xb40ddb48fb54bac7n, 0x545081493f81ffb7n, "DTB"],
  [0x1369359f025525f9n, 0x2ff2a56178391bb6n, "RISC-V BSP hart id"],
  [0x6b50ad9bf36d13adn, 0xdc4c7e88fc759e17n, "bootloader performance"],
  [0x8ebaabe51f490179n, 0x2aa86a59ffb4ab0fn, "keep IOMMU"],
  [0x10f2ee1d87d195e4n, 0xf747a2b78f6ddb31n, "TSC frequency"],
  [0x98e094fc7e76e979n, 0xee8d8775c54e1d1fn, "TPM event log"],
  [0x65ea80255d5682c5n, 0x9117240723f493ebn, "entropy"],
  [0x3259399fe7c5f126n, 0xe01c1c8c5db9d1a9n, "Flanterm parameters"],
  [0xc8ac59310c2b0844n, 0xa68d0c7265d38878n, "terminal"],
  [0x94469551da9b3192n, 0xebe5e86db7382888n, "5-level paging"],
];

const NAMES: ReadonlyMap<string, string> = new Map(
  REQUESTS.map(([first, second, name]) => [`${first} ${second}`, name]),
);

/**
 * Returns the name of a request.
 *
 * @param id The third and fourth word of its id.
 * @returns Its name in the specification, shortened; `undefined` if it is not in it.
 */
export function requestName([first, second]: readonly [bigint, bigint]): string | undefined {
  return NAMES.get(`${first} ${second}`);
}
