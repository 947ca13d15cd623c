/**
 * `kload dump --core`: writes the virtual address space of a kernel as an ELF core file.
 *
 * @module
 */

import { coreDump } from "../../boot/core_dump.ts";
import { cpuState } from "../../boot/cpu_state.ts";
import { outputPath } from "../arguments/output_path.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import type { Source } from "../input/source.ts";
import { usageError } from "../output/cli_error.ts";
import { commandLines } from "../output/command_lines.ts";
import type { Output } from "../output/output.ts";
import { writeOutputFile } from "../output/output_file.ts";
import { quoted, quotedPath } from "../output/shell_quote.ts";
import { count, exactSize, hex } from "../output/text.ts";
import type { Bootable } from "../report/bootable.ts";
import { diagnosticsSection } from "../report/diagnostics.ts";
import { versionedJson } from "../report/json.ts";
import { headline, labelled, sections } from "../report/report_parts.ts";
import { withBootable } from "./with_bootable.ts";

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
    const hint = "Use --core for an ELF core file; kload load --dump FILE writes raw physical memory.";
    throw usageError("Cannot dump the kernel: no dump format given", hint, { flag: "core" });
  }
  const path = outputPath(args.values, "dump --core");
  return withBootable(args, output, signal, undefined, async (bootable, { source, kept }) => {
    const { kernel, stack, info, entry } = bootable;
    const { size, pieces } = coreDump(kernel, { stack, info, entry });
    const target = { path, flag: "output", what: "the core file", code: "dump-failed" } as const;
    await writeOutputFile(target, pieces, size, kept, signal);
    const mappings = [...kernel.mappings()].length;
    const { rip, rsp } = cpuState(kernel, { stack, info, entry });
    if (output.json) {
      const { diagnostics } = kernel;
      await output.print(versionedJson({ name: source.name, core: path, size, mappings, rip, rsp, diagnostics }));
    } else if (!output.quiet) {
      const { paint, verbose } = output;
      const facts = [`a core file of ${exactSize(size)}`, count(mappings, "mapping")];
      await output.print(sections([
        [
          ...headline(path, facts, paint),
          ...labelled([["registers", `RIP ${hex(rip)}, RSP ${hex(rsp)}`]], paint),
          ...commandLines("open it with", gdbCommand(bootable, source, path), paint),
        ],
        diagnosticsSection(kernel.diagnostics, paint, verbose),
      ]));
    }
    return 0;
  });
}

/** The command that opens the core file; symbols of a kernel that was moved need the same offset. */
function gdbCommand({ kernel: { virtualAddressOffset } }: Bootable, source: Source, path: string): string {
  if (!source.file) return `gdb -c ${quotedPath(path)}`;
  const file = quotedPath(source.name);
  if (virtualAddressOffset === 0n) return `gdb ${file} ${quotedPath(path)}`;
  return `gdb -c ${quotedPath(path)} -ex ${quoted(`add-symbol-file ${file} -o ${hex(virtualAddressOffset)}`)}`;
}
