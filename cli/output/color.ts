/**
 * Whether a stream gets colors: by flag, by environment, or because it is a terminal.
 *
 * @module
 */

/** The values of `--color`. */
export const COLOR_CHOICES = ["auto", "always", "never"] as const;

/** When to print colors. */
export type ColorChoice = typeof COLOR_CHOICES[number];

/** What the environment says about colors. */
export interface ColorEnvironment {
  /** Whether `NO_COLOR` is set, and not empty. */
  readonly noColor: boolean;
  /** The value of `FORCE_COLOR`, if it is set and may be read. */
  readonly forceColor?: string;
}

/**
 * Reads the environment. `FORCE_COLOR` is read only with the permission for it, and no permission is asked for.
 *
 * @returns What it says.
 */
export function colorEnvironment(): ColorEnvironment {
  const variable = "FORCE_COLOR";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return { noColor: Deno.noColor, forceColor: state === "granted" ? Deno.env.get(variable) : undefined };
}

/**
 * Decides about a stream. The flag goes before the environment, and `NO_COLOR` before `FORCE_COLOR`, of which 0 means
 * none.
 *
 * @param choice The flag's value.
 * @param environment The environment.
 * @param isTerminal Whether the stream is a terminal.
 * @returns Whether it gets colors.
 */
export function usesColor(choice: ColorChoice, environment: ColorEnvironment, isTerminal: boolean): boolean {
  if (choice !== "auto") return choice === "always";
  const { noColor, forceColor = "" } = environment;
  if (noColor) return false;
  return forceColor === "" ? isTerminal : !["0", "false"].includes(forceColor);
}
