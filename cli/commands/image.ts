/**
 * `kload image`: writes a boot image that QEMU and GRUB can start.
 *
 * @module
 */

import { bootImage, imageMemory } from "../../boot/image.ts";
import { outputPath } from "../arguments/output_path.ts";
import type { Arguments } from "../arguments/parse_arguments.ts";
import { commandLines } from "../output/command_lines.ts";
import type { Output } from "../output/output.ts";
import { placedPieces } from "../output/file_pieces.ts";
import { writeOutputFile } from "../output/output_file.ts";
import { quoted, quotedPath } from "../output/shell_quote.ts";
import { exactSize, hex } from "../output/text.ts";
import { EXIT_DEVICE, PROGRAM, RAMFB } from "../qemu/machine.ts";
import type { Bootable } from "../report/bootable.ts";
import { diagnosticsSection } from "../report/diagnostics.ts";
import { fileFormat, versionedJson } from "../report/json.ts";
import { protocolFacts } from "../report/file_facts.ts";
import type { Recognized } from "../report/recognized.ts";
import { headline, labelled, sections } from "../report/report_parts.ts";
import { withBootable } from "./with_bootable.ts";

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
  const path = outputPath(args.values, "image");
  return withBootable(args, output, signal, undefined, async (bootable, { source, kept, recognize }) => {
    const { kernel, entry } = bootable;
    const pieces = [...bootImage(kernel, { entry })];
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const target = { path, flag: "output", what: "the image", code: "image-failed" } as const;
    await writeOutputFile(target, placedPieces(pieces), 0, kept, signal);
    const memory = imageMemory(kernel);
    if (output.json) {
      const { diagnostics } = kernel;
      const recognized = await recognize();
      const { protocols } = recognized;
      const [{ name }, format] = [source, fileFormat(recognized)];
      const entry32 = hex(entry.entry32);
      await output.print(
        versionedJson({ name, format, protocols, image: path, size, entry: entry32, memory, diagnostics }),
      );
    } else if (!output.quiet) {
      const recognized = await recognize();
      await output.print(imageReport(bootable, { path, size, memory, recognized }, output));
    }
    return 0;
  });
}

/** An image that was written. */
interface Written {
  readonly path: string;
  readonly size: number;
  /** The memory that a machine needs to boot it, in bytes. */
  readonly memory: number;
  /** What was recognized of the kernel's file. */
  readonly recognized: Recognized;
}

function imageReport(
  { kernel, entry, framebuffer }: Bootable,
  { path, size, memory, recognized }: Written,
  { paint, verbose }: Output,
): string {
  const pixels = framebuffer?.info;
  const facts: (readonly [string, string])[] = [
    ...protocolFacts(recognized.protocols, "kernel made for"),
    [
      "entry point",
      `${hex(entry.entry32)} in 32-bit protected mode, which enters the kernel at ${hex(kernel.entryPoint)}`,
    ],
    ["memory", `at least ${exactSize(memory)}`],
  ];
  if (!pixels) facts.push(["in GRUB", "the command multiboot, followed by the path of this file"]);
  else {
    const shown = "shown by QEMU's ramfb device; drop -display none to see it";
    facts.push(["framebuffer", `${pixels.width}x${pixels.height}, ${shown}`]);
  }
  const machine = ["-M", "q35", "-m", `${memory / MIB}`, "-display", "none", "-serial", "stdio", "-no-reboot"];
  const command = [PROGRAM, ...machine, ...EXIT_DEVICE, ...(pixels ? RAMFB : []), "-kernel"];
  return sections([
    [
      ...headline(path, [`a boot image of ${exactSize(size)}`], paint),
      ...labelled(facts, paint),
      ...commandLines("boot it with", [...command.map(quoted), quotedPath(path)].join(" "), paint),
    ],
    diagnosticsSection(kernel.diagnostics, paint, verbose),
  ]);
}
