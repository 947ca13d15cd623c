/** What a model says of a case. */

/** A page of the address space. */
export interface ModelPage {
  writable: boolean;
  executable: boolean;
  /** Its content. */
  readonly bytes: Uint8Array;
  /** The parts of it that are determined, as pairs of start and end, in no order. */
  readonly known: [from: number, to: number][];
  /** Address of its frame, where the rules determine it. */
  readonly phys?: bigint;
  /** All bits of its leaf entry, where the rules determine them. */
  readonly leaf?: bigint;
}

/** A kernel that must be loaded. */
export interface Accepted {
  readonly outcome: "accepted";
  readonly pages: ReadonlyMap<bigint, ModelPage>;
  readonly entry: bigint;
  readonly offset: bigint;
  readonly tls?: { readonly start: bigint; readonly filesz: bigint; readonly memsz: bigint };
  /** Level-4 entries in use. */
  readonly used: ReadonlySet<number>;
  /** The most frames that the load may take; the exact number where the rules determine it. */
  readonly frames: number;
  readonly exactFrames: boolean;
  /** Codes with which it may be refused all the same, because of plugins that only read. */
  readonly maybe: ReadonlySet<string>;
}

/** A file that must be refused. */
export interface Refused {
  readonly outcome: "refused";
  /** With one of these codes; empty if the rules do not determine what is found first. */
  readonly codes: ReadonlySet<string>;
}

/** A file of which the model says nothing. */
export interface Unsettled {
  readonly outcome: "unsettled";
}

export type Verdict = Accepted | Refused | Unsettled;

/** What the model gets to judge a case. */
export interface ModelInput {
  readonly file: Uint8Array;
  /** Names of the plugins. */
  readonly plugins: ReadonlySet<string>;
  readonly kernelBase?: bigint;
  /** The offset of the load, if the plugin relocate chose it at random. */
  readonly chosenOffset?: bigint;
  readonly maxMemory: bigint;
  /** Physical addresses: where the file's first byte lies, and where memory starts and ends. */
  readonly kernelOffset: bigint;
  readonly memoryBase: bigint;
  /** The end of memory that the caller chose. */
  readonly memoryEnd?: bigint;
  readonly level4Frame?: bigint;
  /** Hands out the same frames as the load's allocator; `undefined` if there are no more. */
  readonly takeFrame: () => bigint | undefined;
  /** The content of memory before the load. */
  readonly before: (phys: bigint) => Uint8Array;
}

/** Thrown where a model finds what refuses a file. */
export class Refusal extends Error {
  constructor(readonly codes: readonly string[]) {
    super(codes.join(", "));
  }
}

export function refuse(...codes: string[]): never {
  throw new Refusal(codes);
}

/** Runs a model. */
export function verdictOf(model: () => Accepted | Unsettled): Verdict {
  try {
    return model();
  } catch (error) {
    if (error instanceof Refusal) return { outcome: "refused", codes: new Set(error.codes) };
    throw error;
  }
}
