/**
 * What the rules of Limine look at, in the order in which Limine works it out: each part only when a rule asks for it.
 *
 * @module
 */

import type { FileModel } from "../../core/file/file_model.ts";
import type { Circumstances } from "../loader.ts";
import { type Conflict, firstConflict } from "./conflict.ts";
import { type DynamicTable, readDynamicTable } from "./dynamic_table.ts";
import { type EntryPlace, findEntry } from "./entry.ts";
import { type LimineImage, type LimineVersion, readImage } from "./image.ts";
import { placeImage, type Placement } from "./placement.ts";
import { firstRelocationFault, type RelocationFault } from "./relocations.ts";
import { readRequests, type RequestsView } from "./requests.ts";

/** A file as the rules look at it. */
export interface LimineView extends LimineImage {
  /** Finds the first two loads that cannot be loaded together. */
  readonly conflict: () => Conflict | undefined;
  /** Reads the dynamic table. */
  readonly dynamicTable: () => DynamicTable;
  /** Finds the first relocation that Limine refuses. */
  readonly relocationFault: () => RelocationFault | undefined;
  /** Finds the base revision and the requests. */
  readonly requests: () => RequestsView;
  /** Works out where in memory the image goes. */
  readonly placement: () => Placement;
  /** Works out what Limine jumps to. */
  readonly entry: () => EntryPlace;
}

/**
 * Collects what the rules look at.
 *
 * @param version What differs between the versions of Limine.
 * @returns The view of a table of rules.
 */
export function limineView(
  version: LimineVersion,
): (model: FileModel, circumstances: Circumstances) => LimineView {
  return (model, { memory }) => {
    const image = readImage(version, model, memory);
    const dynamicTable = once(() => readDynamicTable(image));
    const requests = once(() => readRequests(image));
    return {
      ...image,
      conflict: once(() => firstConflict(image)),
      dynamicTable,
      relocationFault: once(() => firstRelocationFault(image, dynamicTable())),
      requests,
      placement: once(() => placeImage(image)),
      entry: once(() => findEntry(image, requests().requests, dynamicTable())),
    };
  };
}

function once<T>(work: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => (result ??= { value: work() }).value;
}
