/** The verdicts on mutants, in a file to which each is appended as soon as it is known. */

import type { Mutant } from "./mutants.ts";

interface Verdict {
  readonly id: string;
  readonly noticedBy: string | null;
}

/** The known verdicts. */
export interface Verdicts {
  /** Returns the tests that noticed a mutant, `null` if none did, and `undefined` if that is not known. */
  readonly of: (mutant: Mutant) => string | null | undefined;
  /** Adds a verdict. */
  readonly add: (mutant: Mutant, noticedBy: string | null) => Promise<void>;
}

/**
 * Opens the file. A mutant stays noticed as long as its source is the same; that none noticed it holds as long as no
 * file of the project changes.
 *
 * @param path The file.
 * @param texts Every TypeScript file of the project, by path.
 */
export async function openVerdicts(path: string, texts: ReadonlyMap<string, string>): Promise<Verdicts> {
  const project = await digest([...texts].flat().join("\0"));
  const digests = new Map<string, string>();
  for (const [file, text] of texts) digests.set(file, await digest(text));
  const noticed = ({ file, start, before, after }: Mutant) =>
    `${digests.get(file)}:${file}:${start}:${before}:${after}`;
  const survived = (mutant: Mutant) => `${project}:${noticed(mutant)}`;
  const known = new Map<string, string | null>();
  for (const line of (await readIfThere(path)).split("\n").filter(Boolean)) {
    const { id, noticedBy }: Verdict = JSON.parse(line);
    known.set(id, noticedBy);
  }
  return {
    of: (mutant) => known.get(noticed(mutant)) ?? known.get(survived(mutant)),
    add: async (mutant, noticedBy) => {
      const verdict: Verdict = { id: noticedBy === null ? survived(mutant) : noticed(mutant), noticedBy };
      known.set(verdict.id, noticedBy);
      await Deno.writeTextFile(path, `${JSON.stringify(verdict)}\n`, { append: true });
    },
  };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return bytes.toHex().slice(0, 16);
}
