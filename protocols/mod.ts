/**
 * The boot protocols that a file is made for: Multiboot, PVH, Limine, Linux and others, recognized by their headers.
 *
 * @module
 */

export type { KeepOptions, RandomSource } from "../core/file/kept_file.ts";
export type { Protocol, ProtocolName } from "./protocol.ts";
export { recognizeProtocols } from "./recognize.ts";
