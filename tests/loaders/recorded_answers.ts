/** What real loaders said of the files in tests/fixtures/loaders: its README.md. */

import type { Outcome } from "../../loaders/rule.ts";

const FIXTURES = new URL("../fixtures/loaders/", import.meta.url);

/** A file, with the answers of the loaders. */
export interface RecordedAnswers {
  readonly name: string;
  readonly path: URL;
  readonly answers: Readonly<Record<string, { readonly outcome: Outcome; readonly words?: string }>>;
}

/** The files of a folder of the fixtures. */
export function recordedAnswers(folder: "" | "probes/" | string): readonly RecordedAnswers[] {
  const lines = Deno.readTextFileSync(new URL(`${folder}answers.jsonl`, FIXTURES)).trimEnd().split("\n");
  return lines.map((line) => {
    const { name, ...answers } = JSON.parse(line);
    return { name, path: new URL(folder + name, FIXTURES), answers };
  });
}
