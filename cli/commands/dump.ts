/**
 * `kload dump --core`: writes the virtual address space of a kernel as an ELF core file.
 *
 * @module
 */

import { coreDump } from "../../boot/core_dump.ts";
import { cpuState } from "../../boot/cpu_state.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { usageError } from "../output/cli_error.ts";
import { outputPath } from "./image.ts";
import type { Output } from "../output/output.ts";
import { writeOutputFile } from "../output/output_file.ts";
import { diagnosticLines } from "../report/diagnostics.ts";
import { headline, labelled, sections } from "../report/report_parts.ts";
import { withBootable } from "./with_bootable.ts";
import { quoted } from "../output/shell_quote.ts";
import { count, exactSize, hex, printable } from "../output/text.ts";

/**
 * Loads a kernel, writes the core file, and prints how to open it.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status.
 */
export function dumpCore(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  if (!args.switches.has("core")) {
    const hint = "kload dump --core writes a core file; kload load --dump FILE writes the memory as it lies.";
    throw usageError("Cannot dump the kernel: it is not said as what", hint, { flag: "core" });
  }
  const path = outputPath(args, "dump --core");
  return withBootable(args, output, signal, undefined, async (kernel, source) => {
    const { size, pieces } = coreDump(kernel);
    const target = { path, flag: "output", what: "the core file", code: "dump-failed" } as const;
    await writeOutputFile(target, pieces, size, source.file, signal);
    const mappings = [...kernel.mappings()].length;
    const { rip, rsp } = cpuState(kernel);
    if (output.json) {
      const found = { core: path, size, mappings, rip: hex(rip), rsp: hex(rsp) };
      await output.print(`${printable(JSON.stringify(found))}\n`);
    } else if (!output.quiet) {
      const { diagnostics } = kernel;
      const { paint } = output;
      const facts = labelled([
        ["registers", `RIP ${hex(rip)}, RSP ${hex(rsp)}`],
        ["open it with", `gdb ${source.file ? `${quoted(source.name)} ` : "-c "}${quoted(path)}`],
      ], paint);
      const title = headline(path, [`a core file of ${exactSize(size)}`, count(mappings, "mapping")], paint);
      const remarks = diagnosticLines(diagnostics, paint);
      await output.print(
        sections([[...title, ...facts], remarks.length === 0 ? [] : [paint.title("Diagnostics"), ...remarks]]),
      );
    }
    return 0;
  });
}
