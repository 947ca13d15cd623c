/**
 * The flags that name page tables which kload did not build: in a memory dump, or in a running QEMU.
 *
 * @module
 */

import { usageError } from "../output/cli_error.ts";
import type { Flag } from "./flag.ts";
import { parseChoice } from "./choice.ts";
import { parseAddress, parsePages, valueError } from "./numbers.ts";

/** Where foreign page tables come from, for every command that can read them. */
export const FOREIGN_FLAGS: readonly Flag[] = [
  {
    name: "memory",
    value: "DUMP",
    text: "Read page tables from DUMP: physical memory (pmemsave) or an ELF core (dump-guest-memory)",
  },
  { name: "base", value: "ADDRESS", text: "Physical address of DUMP's first byte, unless it is a core", fallback: "0" },
  {
    name: "gdb",
    value: "HOST:PORT",
    text: "Read page tables from a running QEMU (-s or -gdb), at HOST:PORT or the path of a socket",
  },
  { name: "cr3", value: "ADDRESS", text: "The value of CR3, in hex with 0x", fallback: "what the core or QEMU says" },
  {
    name: "levels",
    value: "N",
    choices: ["4", "5"],
    text: "Levels of the page tables",
    fallback: "what the core or QEMU says; otherwise 4",
  },
];

/** Where a stub for debuggers listens. */
export type StubAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** Foreign page tables, as the flags name them. */
export interface ForeignSource {
  /** Path of the dump; absent for a running QEMU. */
  readonly memory?: string;
  /** Where QEMU's stub listens; absent for a dump. */
  readonly gdb?: StubAddress;
  /** Physical address of the dump's first byte. */
  readonly base?: number;
  /** The physical address in CR3. */
  readonly cr3?: number;
  /** The value that was given for CR3, if it has more in it than the address. */
  readonly cr3Value?: bigint;
  /** Number of levels. */
  readonly levels?: 4 | 5;
}

/** The values of flags by their names: those that can be given once, and those that can be repeated. */
export interface GivenValues {
  readonly values: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/** The flags that only make sense next to `--memory` or `--gdb`. */
const DETAILS = ["base", "cr3", "levels"] as const;

/**
 * Reads the flags of foreign page tables. A flag may be repeated if the command allows it: every source then has its
 * own value, or all have one.
 *
 * @param args The arguments.
 * @returns The dumps in their order, then the running machines; none if neither `--memory` nor `--gdb` is given.
 * @throws {CliError} "usage" if a value is malformed, or flags do not go together.
 */
export function foreignSources({ values, lists }: GivenValues): readonly ForeignSource[] {
  const given = (flag: string): readonly string[] => {
    const value = values.get(flag);
    return lists.get(flag) ?? (value === undefined ? [] : [value]);
  };
  const sources: readonly ForeignSource[] = [
    ...given("memory").map((memory) => ({ memory })),
    ...given("gdb").map((text) => ({ gdb: parseStub("gdb", text) })),
  ];
  for (const flag of DETAILS) {
    const count = given(flag).length;
    const fits = count <= 1 || count === sources.length;
    if (count > 0 && (sources.length === 0 || !fits)) {
      const message = fits
        ? `Cannot use --${flag}: it is for page tables in a dump or a running QEMU, and none are given`
        : `Cannot use --${flag} ${count} times: there ${
          sources.length === 1 ? "is 1 dump or QEMU" : `are ${sources.length}`
        }`;
      throw usageError(message, "Name the page tables by --memory DUMP or --gdb HOST:PORT.", { flag });
    }
  }
  const valueOf = <T>(flag: string, nth: number, parse: (flag: string, text: string) => T): T | undefined => {
    const text = given(flag)[given(flag).length === 1 ? 0 : nth];
    return text === undefined ? undefined : parse(flag, text);
  };
  return sources.map((source, nth) => ({
    ...source,
    ...(source.memory === undefined ? {} : { base: valueOf("base", nth, parsePages) }),
    ...cr3Of(valueOf("cr3", nth, parseCr3)),
    levels: valueOf("levels", nth, parseLevels),
  }));
}

/** Bits 12 to 51: what CR3 has of the address; the others are flags and a PCID (Intel SDM vol. 3, table 4-12). */
const CR3_ADDRESS = 0x000f_ffff_ffff_f000n;
/** Bits that no CR3 has set. */
const CR3_RESERVED = 0x1ff0_0000_0000_0000n;

function cr3Of(value: bigint | undefined): Pick<ForeignSource, "cr3" | "cr3Value"> {
  if (value === undefined) return { cr3: undefined };
  const address = value & CR3_ADDRESS;
  return { cr3: Number(address), ...(address === value ? {} : { cr3Value: value }) };
}

function parseCr3(flag: string, text: string): bigint {
  const value = parseAddress(flag, text);
  if ((value & CR3_RESERVED) === 0n) return value;
  throw valueError(flag, text, "must be a physical address, below 2^52 (0x10000000000000)");
}

function parseLevels(flag: string, text: string): 4 | 5 {
  return parseChoice(flag, text, ["4", "5"]) === "4" ? 4 : 5;
}

/** Reads where a stub listens, also in the forms in which QEMU's `-gdb` takes it. */
function parseStub(flag: string, text: string): StubAddress {
  const socket = /^unix:([^,]+)/.exec(text)?.[1] ?? (text.includes("/") ? text : undefined);
  if (socket !== undefined) return { transport: "unix", path: socket };
  const [, bracketed, name, digits] =
    /^(?:tcp:)?(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):)?([0-9]{1,5})(?:,.*)?$/i.exec(text) ??
      [];
  const port = Number(digits);
  if (digits === undefined || port < 1 || port > 65_535) {
    throw valueError(flag, text, "must be HOST:PORT, such as localhost:1234, or the path of a socket, such as ./gdb");
  }
  return { transport: "tcp", hostname: bracketed ?? (name || "localhost"), port };
}
