/**
 * The boot protocols that a file is made for: Multiboot, PVH, Limine, Linux and others, recognized by their headers.
 *
 * @module
 */

export type { KeepOptions, RandomSource } from "../core/file/kept_file.ts";
export type { LiminePlace, LimineProtocol, LimineRequest, LimineRevisionTag } from "./limine.ts";
export type { Protocol, ProtocolName } from "./protocol.ts";
export { recognizeProtocols } from "./recognize.ts";
export type { StivaleProtocol } from "./stivale.ts";
export type { Stivale2Protocol } from "./stivale2.ts";
