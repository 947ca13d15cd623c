/**
 * Where in the code an error was thrown.
 *
 * @module
 */

/**
 * The stack of an error that a plugin threw, or of a bug in kload itself.
 *
 * @param error A `LoadError` or `CliError` with the code "plugin-failed", whose cause is used, or an unexpected error.
 * @returns The frames, one a line, or `undefined` if there are none.
 */
export function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as Error & { readonly code?: unknown };
  const thrown = code === "plugin-failed" ? error.cause : error;
  if (!(thrown instanceof Error)) return undefined;
  const frames = thrown.stack?.split("\n").filter((line) => /^\s+at /.test(line)).map((line) => line.trim()) ?? [];
  return frames.length === 0 ? undefined : frames.join("\n");
}
