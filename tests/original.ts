/** The original loader's answers, recorded from runs of the original itself; fixtures/original/README.md says how. */

/** What the original gave for one file under one of its versions. */
export type Answer =
  | {
    readonly ok: true;
    readonly entryPoint: string;
    readonly virtualAddressOffset?: string;
    readonly tls: { readonly startAddr: string; readonly fileSize: number; readonly memSize: number } | null;
    readonly usedLevel4: readonly number[];
    readonly framesAllocated: number;
    readonly nextFrame: string;
    readonly memorySha256: string;
    readonly mappings: readonly {
      readonly virt: string;
      readonly phys: string;
      readonly pages: number;
      readonly flags: string;
    }[];
  }
  | { readonly ok: false; readonly kind: "error" | "panic"; readonly message: string };

/** One file with its answers, by version. */
export interface AnsweredFile {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
  readonly [version: string]: Answer | string | number;
}

const FIXTURES = new URL("./fixtures/original/", import.meta.url);

/** Every file that has answers. */
export function answeredFiles(): readonly AnsweredFile[] {
  const lines = Deno.readTextFileSync(new URL("answers.jsonl", FIXTURES)).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as AnsweredFile);
}

/** The bytes of one of these files. */
export function readOriginal(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`corpus/${name}`, FIXTURES));
}

/** The layout of physical memory behind every answer. */
export const ORIGINAL_LAYOUT = {
  memory: { base: 0x1000_0000, size: 2 ** 30 },
  kernelOffset: 0x1000_1000,
  level4Frame: 0x1000_0000,
} as const;
