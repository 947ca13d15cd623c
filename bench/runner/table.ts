/** The table as text. */

import type { Result } from "./measure.ts";

const NAME_WIDTH = 78;
const NUMBER_WIDTH = 12;

/** The line above the rows. */
export const HEADER: string = row("workload", ["floor", "kload", "ratio", "aim"], "verdict");

/** Formats a row. */
export function formatResult({ name, unit, floor, kload, ratio, aim, verdict, reason }: Result): string {
  const limit = aim === undefined ? "" : `≤ ${significant(aim)}`;
  if (verdict === "failed") return row(name, ["", "", "", limit], `FAILED: ${reason}`);
  const costs = [floor, kload].map((cost) => `${significant(cost)} ${unit}`);
  return row(name, [...costs, significant(ratio), limit], verdict === "missed" ? "MISSED" : verdict);
}

function row(name: string, numbers: readonly string[], verdict: string): string {
  return [name.padEnd(NAME_WIDTH), ...numbers.map((number) => number.padStart(NUMBER_WIDTH)), ` ${verdict}`].join(" ");
}

/** Three significant digits, without an exponent. */
function significant(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(digits);
}
