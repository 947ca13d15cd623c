/**
 * Captures anew what QEMU says of the kernels in tests/fixtures/faults, and writes the reports on them, which are to be
 * read before they are kept: deno run -A tests/cli/qemu/capture_faults.ts [NAME…]
 */

import { bootableFault, endOfLog, explained, faultFile, FAULTS, recording, runFault } from "./faults.ts";

for (const name of Deno.args.length > 0 ? Deno.args : FAULTS) {
  const bootable = await bootableFault(name);
  await runFault(name, bootable, async (captured) => {
    const { read, text } = recording(captured.read, bootable);
    const log = endOfLog(captured.log);
    const { report, explanation } = await explained(name, bootable, { ...captured, log, read });
    const files = {
      "guest.log": log,
      "guest.registers": captured.registers,
      "guest.memory": text(),
      "report.txt": report,
    };
    for (const [file, content] of Object.entries(files)) {
      await Deno.writeTextFile(faultFile(name, file), content.replaceAll("\r", ""));
    }
    console.log(name, explanation.causes.map(({ code }) => code).join(" "), "/", explanation.handler?.code ?? "");
  });
}
