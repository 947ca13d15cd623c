// @ts-types="./colors.d.ts"
export {
  blue,
  bold,
  cyan,
  dim,
  getColorEnabled,
  gray,
  green,
  magenta,
  red,
  setColorEnabled,
  stripAnsiCode,
  yellow,
} from "npm:deno-std@1.4.0/fmt/colors.js";
