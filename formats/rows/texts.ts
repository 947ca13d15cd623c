/**
 * Texts, and files without content.
 *
 * @module
 */

import { byteCount, type Head, quoted } from "../head.ts";
import type { FormatRow } from "./row.ts";

/** Texts, from the most to the least particular. */
export const TEXTS: readonly FormatRow[] = [
  { // Git LFS Specification, "The Pointer"; the older URL is an alias
    name: "git-lfs-pointer",
    test: (head) => /^version https:\/\/(git-lfs\.github|hawser\.github)\.com\/spec\//.test(head.text(0, 64)),
    describe: (head) => {
      const size = /^size (\d{1,15})$/m.exec(head.text(0, 1024))?.[1];
      return `Git LFS pointer${size === undefined ? "" : `; the real file is ${byteCount(Number(size))}`}`;
    },
    advise: () => ({ hint: "Git LFS has not fetched the real file yet:", command: "git lfs pull" }),
  },
  { // HTML Standard, "Writing HTML documents": a doctype, or what may be left out starts the page
    name: "html",
    test: (head) =>
      /^\uFEFF?\s*(?:<!--(?:(?!-->)[\s\S])*-->\s*)*<(!doctype\s+html|html|head|title|body)[\s>]/i.test(startOf(head)),
    describe: (head) => {
      const title = /<title[^<>]*>([^<]+)/i.exec(startOf(head))?.[1];
      return `HTML page${title === undefined || title.trim() === "" ? "" : `, titled ${quoted(title)}`}`;
    },
    advise: () => ({
      hint: "If this was a download, the server sent a page: use the link to the file itself.",
    }),
  },
  { // execve(2), "Interpreter scripts"; a Rust source may start with an attribute, #![no_std]
    name: "script",
    test: (head) => /^#![ \t]*[^\s[]/.test(head.text(0, 64)) && isText(head),
    describe: (head) => {
      const interpreter = /^#!\s*([^\r\n]*)/.exec(head.text(0, 256))?.[1].trim() ?? "";
      return `script for ${quoted(interpreter).slice(1, -1)}`;
    },
  },
  {
    name: "text",
    test: isText,
    describe: (head) => {
      const line = startOf(head).split(/[\r\n]+/).find((each) => each.trim() !== "") ?? "";
      return line === "" ? "text of white space only" : `text that starts with ${quoted(line)}`;
    },
  },
];

/** Nothing at all. */
export const EMPTY: FormatRow = {
  name: "empty",
  test: (head) => head.bytes.length === 0,
  describe: () => "empty file",
  advise: () => ({ hint: "Check the build or the download that should have written it." }),
};

/** Whatever no other row recognizes. */
export const UNKNOWN: FormatRow = {
  name: "unknown",
  test: () => true,
  describe: ({ bytes }) => {
    if (bytes.every((byte) => byte === 0)) return `unknown: its first ${byteCount(bytes.length)} are zero`;
    return `unknown: starts with 0x${[...bytes.subarray(0, 8)].map(twoDigits).join("")}`;
  },
  advise: () => ({ hint: "The file command may know what it is:", command: "file FILE" }),
};

/** The most bytes of a text to look at for its beginning. */
const START = 4096;

function startOf(head: Head): string {
  return head.text(0, START);
}

/** Whether the bytes are UTF-8 without control characters; the last character may be cut. */
function isText({ bytes }: Head): boolean {
  // deno-lint-ignore no-control-regex
  const control = /[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]/;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(), { stream: true });
    return text !== "" && !control.test(text);
  } catch {
    return false;
  }
}

function twoDigits(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
