/**
 * QEMU's `-kernel` on a PC, in the order in which QEMU 7.2 applies its rules. Each was seen in the real one.
 *
 * @module
 */

import { rulesLoader } from "./engine.ts";
import type { Loader } from "./loader.ts";
import { headerRules, segmentRules, sizeRule } from "./qemu/elf_rules.ts";
import { entryRules } from "./qemu/entry_rules.ts";
import { imageRules } from "./qemu/image_rules.ts";
import { fetchRules, multibootRules } from "./qemu/multiboot_rules.ts";
import { startRules } from "./qemu/start_rules.ts";
import { qemuView } from "./qemu/view.ts";

/** QEMU's `-kernel`. */
export const qemuKernel: Loader = rulesLoader({
  name: "qemu-kernel",
  title: "QEMU's -kernel",
  versions: "7.2, machine pc, SeaBIOS",
  protocols: ["pvh"],
  parts: ["head", "notes"],
  view: qemuView,
  rules: [
    ...imageRules,
    ...multibootRules,
    ...headerRules,
    segmentRules,
    sizeRule,
    ...entryRules,
    ...fetchRules,
    ...startRules,
  ],
});
