/**
 * Cloud Hypervisor: PVH kernels as ELF files by rust-vmm's linux-loader, and bzImages.
 *
 * @module
 */

import type { FileModel } from "../core/file/file_model.ts";
import type { KeptFile } from "../core/file/kept_file.ts";
import { HDRS } from "../formats/bzimage/setup_header.ts";
import { rulesLoader } from "./engine.ts";
import type { Circumstances, Loader } from "./loader.ts";
import type { Rule } from "./rule.ts";
import { linuxLoaderRules } from "./vmm/elf_rules.ts";
import { imageRules } from "./vmm/image_rules.ts";
import { startRules } from "./vmm/start_rules.ts";
import { type VmmView, vmmView } from "./vmm/view.ts";

const SOURCE = "Cloud Hypervisor ae44c297, vmm/src/vm.rs: load_kernel";

const imageError = (error: string): string =>
  `Kernel Loader: failed to load bzImage kernel image: Kernel Loader: ${error}`;

/** After an error in an ELF file, the file is tried as a bzImage, and only the error of that is printed. */
const elfRules = linuxLoaderRules(() => imageError("Invalid bzImage"), imageError("Invalid bzImage"));

const noteRule: Rule<VmmView> = {
  id: "pvh-note-missing",
  outcome: "refuses",
  words: "Kernel lacks PVH header",
  broken: ({ kind, pvhEntry, searches }) => {
    if (kind !== "elf" || pvhEntry !== undefined) return undefined;
    const earlier = searches.find(({ entry }) => entry !== undefined);
    const last = searches.at(-1);
    const message = earlier && last
      ? `Program header ${earlier.index} has a Xen note of type 18, but only the last PT_NOTE counts: program header ` +
        `${last.index}, which has none.`
      : "No PT_NOTE has a Xen note of type 18 (XEN_ELFNOTE_PHYS32_ENTRY), so there is no entry for PVH.";
    return earlier && last ? { index: last.index, offset: last.noteOffset, message } : { message };
  },
  about: "An ELF file has no Xen note of type 18 in its last PT_NOTE.",
  why: "Cloud Hypervisor enters ELF files by PVH only, and each PT_NOTE overrides those before it.",
  mend: "Add a note of owner Xen and type 18 with the physical address of a 32-bit entry, and keep all notes in one " +
    "PT_NOTE; for Linux, CONFIG_PVH=y",
  source: SOURCE,
};

const codeRule: Rule<VmmView> = {
  id: "image-entry-past-end",
  outcome: "fails",
  broken: ({ kind, setup, model }) =>
    kind === "image" && model.length === setup.setupSize
      ? {
        offset: setup.setupSize,
        message: "The image ends with its setup code: there is no protected-mode code to enter.",
      }
      : undefined,
  about: "A bzImage has no protected-mode code.",
  why: "It is entered at code32_start, where nothing is loaded.",
  mend: "Copy or download the image again.",
  source: SOURCE,
};

/** A file that is refused as an ELF file and has a setup header is loaded as an image. */
async function view(model: FileModel, circumstances: Circumstances, file: KeptFile): Promise<VmmView> {
  const seen = await vmmView(model, circumstances, file);
  if (seen.kind === "image" || seen.setup.header !== HDRS) return seen;
  if (!elfRules.flat().some(({ broken }) => broken(seen))) return seen;
  await file.reach(Infinity);
  const { pvhEntry: _, ...rest } = seen;
  return { ...rest, kind: "image" };
}

/** Cloud Hypervisor. */
export const cloudHypervisor: Loader = rulesLoader({
  name: "cloud-hypervisor",
  title: "Cloud Hypervisor",
  versions: "ae44c297 (August 2026), with linux-loader 0.14.0",
  protocols: ["pvh"],
  parts: ["head", "notes"],
  view,
  rules: [
    ...elfRules,
    ...imageRules({ error: imageError, lowStart: "Kernel Loader: invalid kernel start address" }),
    codeRule,
    noteRule,
    ...startRules,
  ],
});
