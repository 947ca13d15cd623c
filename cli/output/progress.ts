/**
 * The progress line of a slow load, on standard error.
 *
 * @module
 */

import { format } from "@std/fmt/bytes";
import type { Progress } from "../../mod.ts";

/** A progress line. */
export interface ProgressLine {
  /** Records how many bytes were loaded and, if known, how many the source has. */
  readonly update: (progress: Progress, size?: number) => void;
  /** Erases the line. */
  readonly stop: () => void;
}

const PATIENCE = 500;
const INTERVAL = 100;
const CLEAR = "\r\x1b[K";

/**
 * Starts a progress line, which appears after half a second.
 *
 * @param write Writes text to the terminal.
 * @param verb What is done with the bytes.
 * @returns The line; the caller stops it.
 */
export function startProgress(write: (text: string) => void, verb = "loading"): ProgressLine {
  const start = performance.now();
  let loaded = 0;
  let total: number | undefined;
  let shown = false;
  const timer = setInterval(() => {
    const elapsed = performance.now() - start;
    if (elapsed < PATIENCE) return;
    shown = true;
    write(CLEAR + progressText(loaded, total, elapsed / 1000, verb));
  }, INTERVAL);
  return {
    update: (progress, size) => {
      loaded = progress.loaded;
      total = progress.total ?? size;
    },
    stop: () => {
      clearInterval(timer);
      if (shown) write(CLEAR);
      shown = false;
    },
  };
}

/**
 * The text of the line.
 *
 * @param loaded Number of bytes read.
 * @param total Number of bytes of the source, if known.
 * @param seconds Time since the start, in seconds.
 * @param verb What is done with the bytes.
 * @returns Such as "loading: 12.3 MiB of 64 MiB, 19%, 4.1 MiB/s".
 */
export function progressText(loaded: number, total: number | undefined, seconds: number, verb = "loading"): string {
  const parts = [total === undefined ? bytes(loaded) : `${bytes(loaded)} of ${bytes(total)}`];
  if (total !== undefined && total > 0) parts.push(`${Math.min(100, Math.floor(loaded / total * 100))}%`);
  parts.push(`${bytes(loaded / seconds)}/s`);
  return `${verb}: ${parts.join(", ")}`;
}

function bytes(count: number): string {
  return format(Math.round(count), { binary: true }).replace("k", "K");
}
