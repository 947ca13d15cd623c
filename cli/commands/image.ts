/**
 * `kload image`: writes a file that QEMU and GRUB boot as it is.
 *
 * @module
 */

import { bootImage, imageMemory } from "../../boot/image.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { usageError } from "../output/cli_error.ts";
import type { Output } from "../output/output.ts";
import { placedPieces, writeOutputFile } from "../output/output_file.ts";
import type { Paint } from "../output/paint.ts";
import { diagnosticLines } from "../report/diagnostics.ts";
import { headline, labelled, sections } from "../report/report_parts.ts";
import { type BootedKernel, withBootable } from "./with_bootable.ts";
import { quoted } from "../output/shell_quote.ts";
import { exactSize, hex, printable } from "../output/text.ts";

const MIB = 2 ** 20;

/**
 * Loads a kernel, writes the image, and prints how to boot it.
 *
 * @param args The arguments.
 * @param output Where to print.
 * @param signal Ends the work.
 * @returns The exit status.
 */
export function image(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const path = outputPath(args, "image");
  return withBootable(args, output, signal, undefined, async (kernel, source) => {
    const pieces = [...bootImage(kernel)];
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const target = { path, flag: "output", what: "the image", code: "image-failed" } as const;
    await writeOutputFile(target, placedPieces(pieces), 0, source.file, signal);
    const memory = imageMemory(kernel);
    if (output.json) {
      const { entry32 } = kernel.results["context-switch"].contextSwitch;
      await output.print(`${printable(JSON.stringify({ image: path, size, entry: hex(entry32), memory }))}\n`);
    } else if (!output.quiet) {
      await output.print(imageReport(kernel, path, size, output.paint));
    }
    return 0;
  });
}

/**
 * The path that `--output` gives.
 *
 * @param args The arguments.
 * @param command The command's name.
 * @returns The path.
 * @throws {CliError} "usage" where it is missing, or standard output.
 */
export function outputPath({ values }: Arguments, command: string): string {
  const path = values.get("output");
  const hint = `Give the path of a file: kload ${command} kernel.elf -o FILE`;
  if (path === undefined) throw usageError(`Cannot write the file: there is no -o FILE`, hint, { flag: "output" });
  if (path !== "-") return path;
  throw usageError("Cannot use --output -: it is not written to standard output", hint, { flag: "output" });
}

function imageReport(kernel: BootedKernel, path: string, size: number, paint: Paint): string {
  const { entryPoint, diagnostics, results } = kernel;
  const { entry32 } = results["context-switch"].contextSwitch;
  const mebibytes = imageMemory(kernel) / MIB;
  return sections([
    [
      ...headline(path, [`a boot image of ${exactSize(size)}`], paint),
      ...labelled([
        ["entry point", `${hex(entry32)} in 32-bit protected mode, then the kernel's at ${hex(entryPoint)}`],
        ["memory", `${mebibytes} MiB or more`],
        ["boot it with", `qemu-system-x86_64 -M q35 -m ${mebibytes} -kernel ${quoted(path)}`],
        ["or in GRUB", "multiboot, and the path of the file"],
      ], paint),
    ],
    diagnostics.length === 0 ? [] : [paint.title("Diagnostics"), ...diagnosticLines(diagnostics, paint)],
  ]);
}
