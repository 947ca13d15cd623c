// @ts-types="./bytes.d.ts"
export { format } from "npm:deno-std@1.4.0/fmt/bytes.js";
export type { FormatOptions } from "./bytes.d.ts";
