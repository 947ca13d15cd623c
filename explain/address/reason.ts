/**
 * The reasons for what is at an address.
 *
 * @module
 */

/** What a reason is about, by its kind. */
export type Reason =
  & {
    /** The same in one sentence. */
    readonly message: string;
  }
  & (
    | {
      /** The page is the file's own page in memory: nothing was copied. */
      readonly kind: "mapped";
      /** Index of the program header. */
      readonly index: number;
      /** File offset of the byte. */
      readonly fileOffset: number;
    }
    | {
      /** The page is a copy of the file's. */
      readonly kind: "copied";
      /** Index of the program header whose bytes they are. */
      readonly index: number;
      /** File offset of the byte. */
      readonly fileOffset: number;
      /** Why it was copied. */
      readonly because: "bss" | "shared" | "written" | "relocated";
      /** Indices of the other program headers that share the page. */
      readonly others: readonly number[];
    }
    | {
      /** The byte is zero because its segment is larger in memory than in the file. */
      readonly kind: "zeroed";
      /** Index of the program header. */
      readonly index: number;
    }
    | {
      /** The byte was written by a relocation. */
      readonly kind: "relocated";
      /** Name of the relocation table: its section, or its tag in the dynamic table. */
      readonly table: string;
      /** Index of the entry in it. */
      readonly entry: number;
      /** Name of the relocation's type, such as "R_X86_64_RELATIVE". */
      readonly type: string;
      /** The symbol that it refers to, if it has one. */
      readonly symbol?: string;
      /** What was added; of `DT_RELR`, the value that was there. */
      readonly addend: bigint;
      /** The value that was written. */
      readonly value: bigint;
    }
    | {
      /** The page lost write permission after relocation. */
      readonly kind: "sealed";
      /** Index of the `PT_GNU_RELRO` header. */
      readonly index: number;
    }
    | {
      /** The frame was taken by a plugin, or for a part that was added after the load. */
      readonly kind: "made";
      /** The owner that it was taken under. */
      readonly owner: string;
    }
    | {
      /** Physical memory is mapped here at an offset. */
      readonly kind: "physical";
      /** Physical address of the byte. */
      readonly physical: number;
      /** What the frame is for, if that is known. */
      readonly owner?: string;
    }
    | {
      /** Nothing is mapped: what the walk ended at. */
      readonly kind: "absent";
      /** Level of the table. */
      readonly level: number;
    }
  );
