/** QEMU's -kernel, asked again: about recorded files, about files that break single rules, and about generated ones. */

import { assertEquals } from "@std/assert";
import { qemuKernel } from "../../loaders/qemu_kernel.ts";
import type { Judgement } from "../../loaders/loader.ts";
import { testWithTools } from "../tools.ts";
import { judgeFile } from "./judge.ts";
import { KINDS, makeQemuFile, wellFormedFile } from "./qemu_files.ts";
import { askQemu, type QemuAnswer, qemuVersion } from "./qemu_oracle.ts";
import { RARE_FILES } from "./qemu_rare_files.ts";
import { recordedAnswers } from "./recorded_answers.ts";

/** How long a kernel is waited for that is predicted to fail without a word, and any other, in milliseconds. */
const PATIENCE = { silent: 2_000, others: 60_000 };

/** Asks about a file what the rules say, and QEMU; returns how they differ. */
async function disagreement(name: string, bytes: Uint8Array): Promise<string | undefined> {
  const predicted = await judgeFile(qemuKernel, bytes);
  const path = await Deno.makeTempFile({ prefix: "kload-qemu-" });
  try {
    await Deno.writeFile(path, bytes);
    const isSilent = predicted.outcome === "fails" && predicted.words === undefined;
    const answer = await askQemu(path, { patience: isSilent ? PATIENCE.silent : PATIENCE.others });
    return agree(predicted, answer)
      ? undefined
      : `${name}: QEMU ${JSON.stringify(answer)}, not ${
        JSON.stringify(predicted, (_, value) => typeof value === "bigint" ? `${value}` : value)
      }`;
  } finally {
    await Deno.remove(path);
  }
}

function agree({ outcome, words, rule }: Judgement, answer: QemuAnswer): boolean {
  // The option ROM that is overwritten goes on with zeros, and through them to the entry if that is the first code.
  if (rule === "multiboot-over-option-rom" && answer.outcome === "boots") return true;
  // A guest that is entered where nothing was loaded runs through zeros, and may come to its code by luck.
  if (rule?.endsWith("entry-outside-load") && answer.outcome === "boots") return true;
  // What follows these words is the path and whatever error the system had last.
  const said = answer.words?.replace(/^(could not load kernel) .*/, "$1");
  return outcome === answer.outcome && words === said;
}

/** Asks about files two at a time: a machine for tests has two processors. */
async function disagreements(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<string[]> {
  const left = [...files];
  const found: string[] = [];
  const work = async (): Promise<void> => {
    for (let file = left.shift(); file; file = left.shift()) {
      const difference = await disagreement(file.name, file.bytes);
      if (difference !== undefined) found.push(difference);
    }
  };
  await Promise.all([work(), work()]);
  return found;
}

/** The version of QEMU that the rules are about. */
const VERSION = "7.2";

/** A test that asks QEMU; left out if there is another version, unless tools are required. */
function testWithQemu(name: string, fn: () => Promise<void>): void {
  const version = qemuVersion();
  const isOther = version !== undefined && !version.startsWith(`${VERSION}.`);
  if (!isOther || Deno.env.get("KLOAD_REQUIRE_TOOLS") !== undefined) testWithTools(["qemu-system-x86_64"], name, fn);
  else Deno.test({ name: `${name} (left out: QEMU is ${version}, not ${VERSION})`, ignore: true, fn });
}

testWithQemu("QEMU says again what was recorded of every ninth file", async () => {
  const files = [...recordedAnswers(""), ...recordedAnswers("probes/")].filter((_, index) => index % 9 === 0)
    .map(({ name, path }) => ({ name, bytes: Deno.readFileSync(path) }));
  assertEquals(await disagreements(files), []);
});

testWithQemu("QEMU says of files that break single rules what the rules say", async () => {
  assertEquals(await disagreements(RARE_FILES), []);
});

/** With KLOAD_QEMU_SEEDS=1000-1500 in the environment, those are asked about instead. */
const [FIRST, LAST] = (Deno.env.get("KLOAD_QEMU_SEEDS") ?? "700-724").split("-").map(Number);

testWithQemu(`QEMU says of generated files ${FIRST} to ${LAST} what the rules say`, async () => {
  const generated = Array.from({ length: LAST - FIRST }, (_, index) => makeQemuFile(FIRST + index));
  assertEquals(await disagreements([...KINDS.map(wellFormedFile), ...generated]), []);
});
