/** Counts what a plugin's handlers do, so that tests can bound their work without a clock. */

import type { Segment } from "../../core/elf/program_header.ts";
import type { AnyPlugin, PluginContext } from "../../mod.ts";

/** What was counted. */
export interface Work {
  /** Calls of the pause, one for each batch of work. */
  pauses: number;
  /** Pages looked up. */
  translated: number;
  /** Pages whose flags were changed. */
  updated: number;
  /** Bytes written. */
  written: number;
  /** Bytes of the file asked for. */
  fileBytes: number;
  /** How often the address of a header was looked at. */
  addresses: number;
}

/** The same plugin, and what its handlers do. */
export function counted<P extends AnyPlugin>(plugin: P): { readonly plugin: P; readonly work: Work } {
  const work: Work = { pauses: 0, translated: 0, updated: 0, written: 0, fileBytes: 0, addresses: 0 };
  const known = new Map<readonly Segment[], readonly Segment[]>();
  const segmentsOf = (segments: readonly Segment[]): readonly Segment[] => {
    const watched = known.get(segments) ?? segments.map((segment) => {
      const p_vaddr = { get: () => (work.addresses++, segment.p_vaddr), enumerable: true };
      return Object.defineProperties({ ...segment }, { p_vaddr });
    });
    known.set(segments, watched);
    return watched;
  };
  const watch = (context: PluginContext): PluginContext => {
    const { addressSpace: space, pause, fileBytes } = context;
    const { pageTable } = space;
    return {
      ...context,
      segments: segmentsOf(context.segments),
      pause: () => (work.pauses++, pause()),
      fileBytes: (header) => (work.fileBytes += Number(header.p_filesz), fileBytes(header)),
      addressSpace: {
        ...space,
        write: (virt, bytes) => (work.written += bytes.length, space.write(virt, bytes)),
        pageTable: {
          ...pageTable,
          translate: (virt) => (work.translated++, pageTable.translate(virt)),
          updateFlags: (virt, flags, range) => {
            work.updated += (range?.size ?? 4096) / 4096;
            return pageTable.updateFlags(virt, flags, range);
          },
        },
      },
    };
  };
  const handlers = plugin.handlers?.map((handler) => ({
    ...handler,
    handle: (segment: Segment, context: PluginContext, found: never) => {
      const { index } = segment;
      const watched = watch(context);
      return handler.handle(watched.segments[index], watched, found);
    },
  }));
  return { plugin: { ...plugin, handlers } as P, work };
}
